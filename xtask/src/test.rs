//! Everything that CI runs, each part told, and the sum at the end.
//!
//! After `cargo test` the parts run in two lanes side by side, each part a process of its own: the suite is busy with one
//! core, and other people's programs make it wait.

use std::{fs, path::Path, process::Command, sync::Mutex, thread, time::Instant};

use anyhow::{Context, ensure};

use crate::{official, peers, readme, root, servers, suite, targets};

type Part = (&'static str, fn() -> anyhow::Result<()>);

/// What comes before everything else: it also builds what the others need.
const FIRST: Part = ("cargo test", cargo_test);
/// The suite against the hub inside of it.
const SUITE: [Part; 6] = [
    ("conformance, in-process", || crosstalk(&[])),
    ("conformance, over sockets", || crosstalk(&["--mode", "socket"])),
    ("one seed, one trace", one_seed_one_trace),
    ("random programs find nothing", || crosstalk(&["explore", "--cases", "2500", "--seed", "7"])),
    ("every check can fail", || crosstalk(&["mutants"])),
    ("ten other seeds find nothing", || crosstalk(&["--seed", "1", "--repeat", "10"])),
];
/// What needs processes, most of them of other people. Several install things, so they run one after the other.
const PROCESSES: [Part; 11] = [
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

fn parts() -> impl Iterator<Item = Part> {
    [FIRST].into_iter().chain(SUITE).chain(PROCESSES)
}

/// Runs all parts, or those whose names contain `only`; the exit code is 1 if any failed.
pub(crate) fn run(only: Option<&str>) -> anyhow::Result<u8> {
    let failed = match only {
        None => everything()?,
        Some(only) => some(only)?,
    };
    println!();
    for name in &failed.names {
        println!("failed: {name}");
    }
    println!("{} passed, {} failed", failed.of - failed.names.len(), failed.names.len());
    Ok(u8::from(!failed.names.is_empty()))
}

/// The parts that failed, of so many.
struct Failed {
    names: Vec<&'static str>,
    of: usize,
}

/// Some parts, one after the other, in this process.
fn some(only: &str) -> anyhow::Result<Failed> {
    let chosen: Vec<Part> = parts().filter(|(name, _)| name.contains(only)).collect();
    let names: Vec<&str> = parts().map(|(name, _)| name).collect();
    ensure!(!chosen.is_empty(), "no part is called `{only}`; there are: {}", names.join("; "));
    let mut failed = Failed { names: Vec::new(), of: chosen.len() };
    for (name, part) in chosen {
        println!("\n== {name}");
        let began = Instant::now();
        let done = part();
        if let Err(error) = &done {
            eprintln!("{name}: {error:#}");
            failed.names.push(name);
        }
        println!("== {name}: {:.0} s", began.elapsed().as_secs_f64());
    }
    Ok(failed)
}

/// All parts: the first alone, then two lanes side by side.
fn everything() -> anyhow::Result<Failed> {
    // Asked for now: what follows may build this very program anew.
    let xtask = std::env::current_exe().context("finding this program")?;
    let mut failed = some(FIRST.0)?.names;
    let built = root().join("target/built");
    suite::build_everything(&built)?;
    let told = Mutex::new(());
    let lane = |parts: &[Part]| -> Vec<&'static str> {
        let names = parts.iter().map(|(name, _)| *name);
        names.filter(|name| !as_a_process(&xtask, name, &built, &told)).collect()
    };
    let (suite, processes) = thread::scope(|scope| {
        let suite = scope.spawn(|| lane(&SUITE));
        let processes = lane(&PROCESSES);
        (suite.join(), processes)
    });
    failed.extend(suite.map_err(|_| anyhow::anyhow!("the lane of the suite died"))?);
    failed.extend(processes);
    Ok(Failed { names: failed, of: parts().count() })
}

/// Runs one part and tells what it said when it is over; whether it passed.
fn as_a_process(xtask: &Path, name: &str, built: &Path, told: &Mutex<()>) -> bool {
    let output = Command::new(xtask).args(["test", name]).env(suite::BUILT, built).output();
    let _telling = told.lock();
    match output {
        Ok(output) => {
            println!("{}", String::from_utf8_lossy(&output.stdout).trim_end());
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            output.status.success()
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            false
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_part() {
        for (name, _) in parts() {
            assert_eq!(parts().filter(|(other, _)| other.contains(name)).count(), 1, "{name}");
        }
    }

    #[test]
    fn a_part_that_there_is_not_is_told() {
        let refused = some("no such part").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("`no such part`") && refused.contains("cargo test"), "{refused}");
    }
}
