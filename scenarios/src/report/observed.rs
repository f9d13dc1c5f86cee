//! Real traffic, judged: who was seen, what each oracle looked at, what it found, and the sum.

use std::io::{self, Write};

use super::{failure, lanes};
use crate::{
    diagnostics::{Diagnostic, Severity as Weight, Style, render},
    observe::{
        judged::{Coverage, Judged, Outcome, Told},
        recording::Head,
        window::{self, Window},
    },
    oracles::{Kind, Severity},
    report::tally::exit,
    scenario::source::Source,
};

/// Names that are told; the rest is counted.
const MOST_NAMES: usize = 12;

/// Writes everything that can be said of a recording. `file` is where it is, `drafted` what became of a draft.
///
/// # Errors
/// What writing says.
pub fn write(
    out: &mut impl Write,
    judged: &Judged,
    head: &Head,
    file: &str,
    drafted: Option<&str>,
    style: Style,
) -> io::Result<()> {
    let (clients, upstreams) = judged.exchanges;
    writeln!(out, "\n    Hub  {}   promises: {}", head.hub, promised(head))?;
    writeln!(out, "   Seen  {}", people(judged))?;
    let sessions = if judged.sessions == 1 { "1 session".to_owned() } else { format!("{} sessions", judged.sessions) };
    writeln!(out, "         {sessions}, {clients} exchanges with clients, {upstreams} with upstreams\n")?;
    coverage(out, &judged.coverage)?;
    for note in &judged.notes {
        writeln!(out, "   Note  {note}")?;
    }
    let told = judged.worst_first();
    let mut drawn = Vec::new();
    for told in told.iter().take(failure::MOST_FINDINGS) {
        let window = window::around(&judged.trace, told.finding);
        writeln!(out, "\n{}", words(told, &window, file, style))?;
        // Several oracles tend to speak of one message; it is drawn once.
        let picture = lanes::draw(&window.trace, &window.finding, style);
        if !drawn.contains(&picture) {
            writeln!(out, "\n{picture}")?;
            drawn.push(picture);
        }
    }
    if told.len() > failure::MOST_FINDINGS {
        writeln!(out, "\n   and {} other findings:", told.len() - failure::MOST_FINDINGS)?;
        for Told { finding, times } in &told[failure::MOST_FINDINGS..] {
            writeln!(out, "    {} {}: {}{}", finding.kind, finding.oracle, finding.headline, often(*times))?;
        }
    }
    if let Some(drafted) = drafted {
        writeln!(out, "\n  Draft  {drafted}")?;
    }
    writeln!(out, "\n{} exchanges observed: {}", clients + upstreams, sum(judged))
}

/// What a recording means for whoever called.
pub fn code(judged: &Judged) -> u8 {
    match judged.outcome() {
        Outcome::Crossed => exit::FAILED,
        Outcome::Apart => exit::PASSED,
        Outcome::NotObserved => exit::INCOMPLETE,
    }
}

fn promised(head: &Head) -> String {
    // The words of the configuration.
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    format!("sharing {}, credentials {}", word(serde_json::json!(head.sharing)), head.credentials)
}

fn people(judged: &Judged) -> String {
    let users: Vec<&String> = judged.trace.facts.scenario.users.keys().collect();
    let named: Vec<&str> = users.iter().take(MOST_NAMES).map(|name| name.as_str()).collect();
    let more = users.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match users.len() {
        0 => "nobody".to_owned(),
        1 => format!("1 user: {}", named.join("")),
        count => format!("{count} users: {}{more}", named.join(", ")),
    }
}

fn coverage(out: &mut impl Write, coverage: &[Coverage]) -> io::Result<()> {
    let judged = |of: &Coverage| {
        let all = of.total();
        if of.judged == all { format!("{all} {}", of.what) } else { format!("{} of {all} {}", of.judged, of.what) }
    };
    let width = coverage.iter().map(|of| judged(of).len()).max().unwrap_or_default();
    for of in coverage {
        let left: Vec<String> = of.not_observed.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let left = if left.is_empty() { String::new() } else { format!("not observed: {}", left.join(", ")) };
        writeln!(out, "{}", format!("  {:<18}{:<width$}   {left}", of.oracle.to_string(), judged(of)).trim_end())?;
    }
    Ok(())
}

fn words(told: &Told<'_>, window: &Window, file: &str, style: Style) -> String {
    let finding = told.finding;
    let mut notes = vec![
        format!("expected  {}", failure::cut(&finding.expected)),
        format!("received  {}", failure::cut(&finding.received)),
    ];
    if let Some(crossing) = &finding.crossing {
        let what = failure::owned(&crossing.what, &crossing.owner);
        notes.push(format!("crossed   {what} reached {}", crossing.reached));
    }
    notes.push(format!("seen in   exchange {} of {file}{}", window.exchange, often(told.times)));
    let diagnostic = Diagnostic {
        severity: if finding.severity == Severity::Failure { Weight::Error } else { Weight::Warning },
        code: format!("{}: {}", finding.kind, finding.oracle),
        message: finding.headline.clone(),
        source: Source { path: file.into(), text: "".into() },
        labels: Vec::new(),
        notes,
        help: None,
    };
    render(&diagnostic, style)
}

fn often(times: usize) -> String {
    match times {
        1 => String::new(),
        2 => " and once more".to_owned(),
        times => format!(" and {} times more", times - 1),
    }
}

fn sum(judged: &Judged) -> String {
    let failures = judged.findings.iter().filter(|finding| finding.severity == Severity::Failure);
    let kinds: Vec<Kind> = failures.map(|finding| finding.kind).collect();
    let mut each: Vec<Kind> = kinds.clone();
    each.sort_unstable();
    each.dedup();
    let counted: Vec<String> =
        each.iter().map(|kind| format!("{} {kind}", kinds.iter().filter(|other| *other == kind).count())).collect();
    let warnings = judged.findings.len() - kinds.len();
    let warned = if warnings > 0 { format!(", {warnings} warnings") } else { String::new() };
    match judged.outcome() {
        Outcome::Crossed => format!("{}{warned}", counted.join(", ")),
        Outcome::Apart => format!("nothing crossed{warned}"),
        Outcome::NotObserved => {
            format!("not verified{warned}: no requests of two users were followed to one upstream")
        }
    }
}
