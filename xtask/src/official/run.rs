//! The suite at every setup, the table of what it found, and the README that shows it.

use std::fs;

use anyhow::{Context, ensure};

use super::{
    clients,
    play::Suite,
    setups::{self, Stage},
    table,
};
use crate::{readme, root, suite};

/// Runs everything and prints the table; with `write`, it goes into the README. The exit code is 1 where the hub does worse.
pub(crate) fn run(write: bool) -> anyhow::Result<u8> {
    let (table, worse) = judge()?;
    println!("{table}");
    for line in &worse {
        println!("worse: {line}");
    }
    if write {
        let path = root().join("README.md");
        let text = fs::read_to_string(&path).context("README.md")?;
        fs::write(&path, readme::with_official(&text, &table)?)?;
    }
    Ok(u8::from(!worse.is_empty()))
}

/// For the tests: the hub does no scenario worse, and the README says what comes out.
pub(crate) fn check() -> anyhow::Result<()> {
    let (table, worse) = judge()?;
    ensure!(worse.is_empty(), "the hub does worse than what it stands between:\n{}", worse.join("\n"));
    println!("{}", table.lines().next().unwrap_or_default());
    let text = fs::read_to_string(root().join("README.md")).context("README.md")?;
    let fresh = readme::with_official(&text, &table)?;
    ensure!(fresh == text, "README.md shows another table; run `cargo xtask official --write`");
    Ok(())
}

/// The tables, and every scenario that the hub does worse than its upstream alone, or makes worse for its client.
fn judge() -> anyhow::Result<(String, Vec<String>)> {
    let suite = Suite::install()?;
    let stage = Stage::set()?;
    let mut columns = Vec::new();
    for setup in stage.setups() {
        eprintln!("official suite: {}", setup.title());
        columns.push((setup.clone(), suite.play(&setup)?));
    }
    let client_half = clients::play(&suite, &suite::build("hub", "hub")?)?;
    let worse = [setups::worse(&columns), clients::worse(&client_half)].concat();
    Ok((table::render(&columns, &client_half), worse))
}
