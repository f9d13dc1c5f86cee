//! The hubs of `scenarios/targets`, judged: our own as a process of its own, and one made with fastmcp.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context, ensure};

use crate::{peers, root, suite, test::crosstalk};

/// The exit code where promises were broken, which is what most of these are tried for.
pub(crate) const FOUND: u8 = 1;

/// Our hub, started from its binary for every cell, must keep every promise there too.
pub(crate) fn reference() -> anyhow::Result<()> {
    suite::build("hub", "hub")?;
    crosstalk(&["--target", &path("scenarios/targets/hub.yaml")])?;
    // The same with its naming left to be learned, on the routes that need it.
    let written = fs::read_to_string(root().join("scenarios/targets/hub.yaml"))?;
    let learned = written.replace("naming: \"{upstream}__{name}\"", "naming: learned");
    ensure!(learned != written, "scenarios/targets/hub.yaml has no naming to leave out");
    fs::create_dir_all(root().join("target/targets"))?;
    fs::write(root().join("target/targets/learned.yaml"), learned)?;
    crosstalk(&["--target", &path("target/targets/learned.yaml"), "state/everything-on-one-route"])
        .context("where names are learned")
}

/// The findings must be those of the golden file, which `CROSSTALK_WRITE` writes anew.
pub(crate) fn fastmcp() -> anyhow::Result<()> {
    let folder = root().join("scenarios/targets/fastmcp");
    let python = peers::fastmcp()?;
    let found = root().join("target/fastmcp-findings");
    let selection = fs::read_to_string(folder.join("selection")).context("the selection of scenarios")?;
    let binary = suite::build("scenarios", "crosstalk")?;
    let mut command = Command::new(binary);
    command.arg("--target").arg(folder.join("target.yaml")).args(["--revision", "2025-11-25", "--patience", "5s"]);
    command.arg("--findings").arg(&found).args(selection.split_whitespace()).env("FASTMCP_PYTHON", python);
    judged(command, FOUND)?;
    golden(&found, "scenarios/targets/fastmcp/findings.txt")
}

/// Runs the suite; it must end with this code.
pub(crate) fn judged(mut command: Command, wanted: u8) -> anyhow::Result<()> {
    let output = command.output().context("starting crosstalk")?;
    let code = output.status.code();
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(code == Some(wanted.into()), "crosstalk ended with {code:?} instead of {wanted}: {said}");
    println!("{}", said.lines().last().unwrap_or_default());
    Ok(())
}

/// What was found must be what the golden file says; `CROSSTALK_WRITE` writes it anew.
pub(crate) fn golden(found: &Path, name: &str) -> anyhow::Result<()> {
    let (found, golden) = (fs::read_to_string(found)?, root().join(name));
    if env::var_os("CROSSTALK_WRITE").is_some() {
        fs::write(&golden, &found)?;
    }
    let golden = fs::read_to_string(&golden).context("the golden file")?;
    for line in golden.lines().filter(|line| !found.lines().any(|other| other == *line)) {
        println!("  - {line}");
    }
    for line in found.lines().filter(|line| !golden.lines().any(|other| other == *line)) {
        println!("  + {line}");
    }
    ensure!(found == golden, "the findings are not those of {name}");
    Ok(())
}

fn path(name: &str) -> String {
    root().join(name).display().to_string()
}
