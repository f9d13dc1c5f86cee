//! What is set up for the official suite, and which setup is compared with which.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use super::{play::Scores, proxy::Proxy};
use crate::{demo, processes::Processes, root, suite};

/// The revisions whose required scenarios are run: the last with sessions, and the one without.
const STATEFUL: &str = "2025-11-25";
const STATELESS: &str = "2026-07-28";
/// A second upstream, by other people on another library. Pinned.
const EVERYTHING: (&str, &str) = ("mcp-everything-server", "0.6.0");
/// One response cache for everybody, and the credential of whoever came first for everybody.
const LEAKY: &str = "list-cache@process+read-cache@process+upstream-credentials@process";
const KEY: &str = "official-suite-key-1";

/// One column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) revision: &'static str,
    pub(super) upstream: &'static str,
    pub(super) way: Way,
    /// Where the suite goes.
    pub(super) url: String,
}

/// What stands between the suite and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing.
    Straight,
    /// The reference hub.
    Hub,
    /// The same hub with the defects [`LEAKY`].
    Leaky,
}

impl Setup {
    pub(super) fn title(&self) -> String {
        let way = match self.way {
            Way::Straight => "",
            Way::Hub => "hub → ",
            Way::Leaky => "leaky hub → ",
        };
        format!("{way}{}, {}", self.upstream, self.revision)
    }

    pub(super) fn folder(&self) -> String {
        format!("{:?}-{}-{}", self.way, self.upstream, self.revision).to_lowercase()
    }
}

/// Everything that runs while the suite does.
pub(super) struct Stage {
    lab: String,
    /// The second upstream, once for each revision.
    everything: [String; 2],
    hub: Proxy,
    leaky: Proxy,
    // Dropped last: the proxies lead there.
    _processes: Processes,
}

impl Stage {
    pub(super) fn set() -> anyhow::Result<Self> {
        let folder = root().join("target/official");
        fs::create_dir_all(&folder)?;
        let leaking = folder.join("leaky-hub");
        fs::copy(suite::build_defective_hub()?, &leaking).context("keeping the hub with defects apart")?;
        let (hub, fakes) = (suite::build("hub", "hub")?, suite::build("fake-upstreams", "fake-upstreams")?);
        let mut processes = Processes::default();
        let mut command = Command::new(fakes);
        command.args(["serve", "lab", "--quiet", "--answers", "sse"]);
        let lab = processes.launch("lab", command)?;
        let binary = install_everything()?;
        let mut everything = |revision: &str| {
            let mut command = Command::new(&binary);
            command.args(["--transport", "http", "--protocol-version", revision]);
            // It says its address alone.
            processes.launch(EVERYTHING.0, command).map(|address| format!("http://{address}/mcp"))
        };
        let everything = [everything(STATEFUL)?, everything(STATELESS)?];
        let config = configuration(&hub, &folder, &lab, &everything)?;
        let mut start = |binary: &Path, isolation: Option<&str>| {
            let mut command = Command::new(binary);
            command.args(["serve", "--config"]).arg(&config).env("HUB_LOG", "error");
            command.args(isolation.iter().flat_map(|name| ["--isolation", name]));
            let url = processes.launch("hub", command)?;
            Proxy::start(address(&url)?, KEY)
        };
        let (hub, leaky) = (start(&hub, None)?, start(&leaking, Some(LEAKY))?);
        Ok(Self { lab, everything, hub, leaky, _processes: processes })
    }

    /// The columns, each behind the one with which it is compared.
    pub(super) fn setups(&self) -> Vec<Setup> {
        let column = |revision, upstream, way| {
            let url = match way {
                Way::Straight if upstream == "lab" => self.lab.clone(),
                Way::Straight => self.everything[usize::from(revision == STATELESS)].clone(),
                Way::Hub => format!("http://{}/mcp/{}", self.hub.authority(), route(upstream, revision)),
                Way::Leaky => format!("http://{}/mcp/{}", self.leaky.authority(), route(upstream, revision)),
            };
            // The suite asks for a local name, not for an address.
            let url = url.replace("127.0.0.1", "localhost");
            Setup { revision, upstream, way, url }
        };
        vec![
            column(STATEFUL, "lab", Way::Straight),
            column(STATEFUL, "lab", Way::Hub),
            column(STATEFUL, "lab", Way::Leaky),
            column(STATEFUL, "everything", Way::Straight),
            column(STATEFUL, "everything", Way::Hub),
            column(STATELESS, "lab", Way::Straight),
            column(STATELESS, "lab", Way::Hub),
            column(STATELESS, "lab", Way::Leaky),
            column(STATELESS, "everything", Way::Straight),
            column(STATELESS, "everything", Way::Hub),
        ]
    }
}

/// What an upstream is called in the hub's configuration.
fn route(upstream: &str, revision: &str) -> String {
    if upstream == "everything" { format!("everything-{revision}") } else { upstream.to_owned() }
}

/// Scenarios that the hub is known to do worse, in front of which upstream. `everything` begins every stream with an empty
/// event and a pause, which is recommended for those that are gone on with; it lacks the tool that would take long, so the
/// hub has its answer at once and gives it as the only event.
const KNOWN: [(&str, &str); 1] = [("everything", "server-sse-polling")];

/// Every scenario that the hub does worse than its upstream alone, in a line each.
pub(super) fn worse(columns: &[(Setup, Scores)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (setup, scores) in columns.iter().filter(|(setup, _)| setup.way == Way::Hub) {
        let straight = columns.iter().find(|(other, _)| {
            other.way == Way::Straight && (other.upstream, other.revision) == (setup.upstream, setup.revision)
        });
        for (scenario, alone) in straight.map(|(_, scores)| scores).into_iter().flatten() {
            let checks = scores.get(scenario).cloned().unwrap_or_default().worse_than(alone);
            if !checks.is_empty() && !KNOWN.contains(&(setup.upstream, scenario)) {
                lines.push(format!("{}: {scenario}: {}", setup.title(), checks.join(", ")));
            }
        }
    }
    lines
}

/// The second upstream, installed where it is not yet.
fn install_everything() -> anyhow::Result<PathBuf> {
    let (name, version) = EVERYTHING;
    let folder = root().join("target/peers").join(format!("{name}-{version}"));
    let binary = folder.join("bin").join(name);
    if !binary.exists() {
        let mut install = Command::new(suite::cargo());
        install.args(["install", "--quiet", "--debug", "--locked", "--version", version, name, "--root"]).arg(&folder);
        install.env("CARGO_TARGET_DIR", root().join("target/peers/build"));
        let status = install.status().context("starting cargo")?;
        ensure!(status.success(), "cargo install {name} failed; is the package registry reachable?");
    }
    Ok(binary)
}

/// One user, and a server for each upstream; `everything` is one for each revision, because it speaks one at a time.
fn configuration(hub: &Path, folder: &Path, lab: &str, everything: &[String; 2]) -> anyhow::Result<PathBuf> {
    let servers = [("lab", lab), ("everything-2025-11-25", &everything[0]), ("everything-2026-07-28", &everything[1])];
    let mut text = String::from("listen: 127.0.0.1:0\nservers:\n");
    for (name, url) in servers {
        text.push_str(&format!("  {name}: {{ url: \"{url}\", cache: 5m }}\n"));
    }
    let hash = demo::hash(hub, KEY)?;
    text.push_str(&format!("users:\n  official:\n    keys: [{{ id: suite, sha256: \"{hash}\" }}]\n    credentials:\n"));
    for (name, _) in servers {
        text.push_str(&format!("      {name}: {{ bearer: {name}-token }}\n"));
    }
    let path = folder.join("hub.yaml");
    fs::write(&path, text)?;
    Ok(path)
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let authority = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    authority.parse().with_context(|| format!("{url}: no address"))
}
