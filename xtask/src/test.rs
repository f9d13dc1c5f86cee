//! Everything that CI runs, each part told, and the sum at the end.

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context, ensure};

use crate::{official, peers, readme, root, servers, suite, targets};

type Part = (&'static str, fn() -> anyhow::Result<()>);

/// The parts, cheapest first where nothing speaks against it.
const PARTS: [Part; 18] = [
    ("cargo test", cargo_test),
    ("conformance, in-process", || crosstalk(&[])),
    ("conformance, over sockets", || crosstalk(&["--mode", "socket"])),
    ("one seed, one trace", one_seed_one_trace),
    ("ten other seeds find nothing", || crosstalk(&["--seed", "1", "--repeat", "10"])),
    ("random programs find nothing", || crosstalk(&["explore", "--cases", "2500", "--seed", "7"])),
    ("every check can fail", || crosstalk(&["mutants"])),
    ("the README's output and examples", || readme::check_all()),
    ("the reference hub as a process", targets::reference),
    ("a hub made with fastmcp is found to be what it is", targets::fastmcp),
    ("published servers are found to be what they are", servers::published),
    ("docs/servers.md shows what it says", servers::page),
    ("the official suite finds the hub no worse than its upstream", official::check),
    ("the Python SDK as a client", || peers::PYTHON.check()),
    ("the Python SDK of the first line as a client", || peers::PYTHON_1.check()),
    ("fastmcp as a client", || peers::FASTMCP.check()),
    ("the TypeScript SDK as a client", || peers::TYPESCRIPT.check()),
    ("the TypeScript SDK of the first line as a client", || peers::TYPESCRIPT_1.check()),
];

/// Runs all parts; the exit code is 1 if any failed.
pub(crate) fn run() -> anyhow::Result<u8> {
    suite::build_with_the_tests();
    let mut failed = Vec::new();
    for (name, part) in PARTS {
        println!("\n== {name}");
        let began = Instant::now();
        if let Err(error) = part() {
            eprintln!("{name}: {error:#}");
            failed.push(name);
        }
        println!("== {name}: {:.0} s", began.elapsed().as_secs_f64());
    }
    println!();
    for name in &failed {
        println!("failed: {name}");
    }
    println!("{} passed, {} failed", PARTS.len() - failed.len(), failed.len());
    Ok(u8::from(!failed.is_empty()))
}

fn cargo_test() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).current_dir(root()).args(["test", "--workspace", "--quiet"]).status()?;
    ensure!(status.success(), "tests failed");
    Ok(())
}

/// Runs the suite with these arguments; it must end with 0.
pub(crate) fn crosstalk(args: &[&str]) -> anyhow::Result<()> {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    let code = suite::pass_through(&args)?;
    ensure!(code == 0, "crosstalk ended with {code}");
    Ok(())
}

/// The whole suite twice with one seed: every file of traces must be the same, byte for byte.
fn one_seed_one_trace() -> anyhow::Result<()> {
    let folders = ["target/traces/first", "target/traces/second"].map(|folder| root().join(folder));
    for folder in &folders {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        crosstalk(&["--seed", "7", "--traces", &folder.display().to_string()])?;
    }
    let files = compare(&folders[0], &folders[1])?;
    println!("{files} traces, the same both times");
    fs::remove_dir_all(root().join("target/traces"))?;
    Ok(())
}

fn compare(first: &Path, second: &Path) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(first)? {
        let name = entry?.file_name();
        let (a, b) = (fs::read(first.join(&name))?, fs::read(second.join(&name)));
        let b = b.with_context(|| format!("{} is missing the second time", name.display()))?;
        ensure!(a == b, "{} differs; look at {} and {}", name.display(), first.display(), second.display());
        count += 1;
    }
    ensure!(count > 0 && count == fs::read_dir(second)?.count(), "the two runs wrote different files");
    Ok(count)
}
