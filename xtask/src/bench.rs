//! What the hub costs, measured on this machine and written into the README: `docs/decisions/0011-measuring.md`.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::{readme, root, suite};

/// Measures everything, prints the table, and writes it into the README.
pub(crate) fn run(quick: bool) -> anyhow::Result<()> {
    let (hub, measure) = (suite::build_release("hub", "hub")?, suite::build_release("benches", "measure")?);
    let criterion = root().join("target/criterion");
    for bench in ["pool", "envelope"] {
        let mut command = Command::new(suite::cargo());
        command.current_dir(root()).args([
            "bench",
            "--quiet",
            "--package",
            "benches",
            "--bench",
            bench,
            "--",
            "--noplot",
        ]);
        if quick {
            command.args(["--warm-up-time", "0.1", "--measurement-time", "0.2"]);
        }
        // What criterion says would bury the table; what it measured is in its files.
        let status =
            command.env("CRITERION_HOME", &criterion).stdout(Stdio::null()).status().context("starting cargo")?;
        ensure!(status.success(), "the benchmark {bench} failed");
    }
    let mut command = Command::new(measure);
    command.args(["table", "--hub"]).arg(hub).arg("--criterion").arg(criterion).args(quick.then_some("--quick"));
    let output = command.stderr(Stdio::inherit()).output().context("starting the measurement")?;
    ensure!(output.status.success(), "the measurement failed");
    let table = String::from_utf8(output.stdout)?;
    print!("{table}");
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).context("README.md")?;
    fs::write(&path, readme::with_measured(&text, &table)?).context("README.md")
}
