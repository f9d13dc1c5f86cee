//! Temporary front.
use std::{ops::ControlFlow, collections::BTreeMap};
use scenarios::{library::Library, registry::Registry, run, select::select, diagnostics::{render, Style}};
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut options = run::Options::default();
    let mut words = Vec::new();
    let mut it = args.into_iter(); let mut dump=false;
    while let Some(a) = it.next() { match a.as_str() { "--isolation" => options.isolation = it.next(), "--seed" => options.seed = it.next().unwrap().parse().unwrap(), "--socket" => options.mode = run::Mode::Socket, "--dump" => dump = true, _ => words.push(a) } }
    let library = Library::embedded(&Registry::embedded());
    for p in &library.problems { println!("{}\n", render(p, Style { color: false, unicode: true })); }
    let chosen = select(&library.scenarios, &words).unwrap();
    let cells = run::plan(&chosen, &options);
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    run::play(&cells, &options, |report| {
        *counts.entry(report.verdict.word()).or_default() += 1;
        if report.verdict.word() != "pass" { println!("{} [{}] {}", report.scenario.id.value, report.cell, report.verdict.word());
            match &report.verdict { run::Verdict::Harness{reason} | run::Verdict::CouldNotRun{reason} | run::Verdict::NotApplicable{reason} | run::Verdict::NotObserved{reason} => println!("   {reason}"), _ => {} }
            for f in report.verdict.findings() { println!("   {} {} step {}: {}\n      expected {}\n      received {}", f.oracle, f.kind, f.step + 1, f.headline, f.expected, f.received); } }
        if dump && let Some(t) = &report.trace { for e in &t.events { println!("{}", serde_json::to_string(e).unwrap()); } }
        ControlFlow::Continue(())
    }).unwrap();
    println!("{counts:?}");
}
