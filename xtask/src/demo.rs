//! A hub with two fakes and two ready users, to try things out and to run the README's examples on.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::{processes::Processes, root, suite};

/// The hub's port unless another is asked for.
pub(crate) const PORT: u16 = 8931;
/// User and key.
pub(crate) const USERS: [(&str, &str); 2] = [("alice", "alice-demo-key-1"), ("bob", "bob-demo-key-1")];

/// Servers that run until this is dropped.
pub(crate) struct Demo {
    /// Where the hub listens: `http://127.0.0.1:8931`.
    pub(crate) url: String,
    _servers: Processes,
}

impl Demo {
    /// Builds and starts everything; port 0 takes a free one.
    pub(crate) fn start(port: u16) -> anyhow::Result<Self> {
        let (fakes, hub) = (suite::build("fake-upstreams", "fake-upstreams")?, suite::build("hub", "hub")?);
        let mut servers = Processes::default();
        let mut upstreams = Vec::new();
        for kind in ["db", "github"] {
            let mut command = Command::new(&fakes);
            command.args(["serve", kind, "--port", "0", "--answers", "json"]);
            for (user, _) in USERS {
                command.args(["--account", &format!("{user}={user}-{kind}-token")]);
            }
            let url = servers.launch("fake-upstreams", command)?;
            upstreams.push(Served { name: kind, url, era: "auto" });
        }
        let folder = root().join("target/demo");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let config = configuration(&hub, &folder.join(format!("hub-{port}.yaml")), port, &upstreams)?;
        let mut command = Command::new(&hub);
        command.args(["serve", "--config"]).arg(&config).env("HUB_LOG", "warn");
        let url = servers.launch("hub", command)?;
        Ok(Self { url, _servers: servers })
    }
}

/// A server of a hub.
pub(crate) struct Served {
    pub(crate) name: &'static str,
    /// Its MCP endpoint.
    pub(crate) url: String,
    /// How the hub speaks to it: `stateful`, `stateless` or `auto`.
    pub(crate) era: &'static str,
}

/// Writes the configuration of a hub with these servers, where every user has the credential `USER-SERVER-token`.
pub(crate) fn configuration(hub: &Path, path: &Path, port: u16, servers: &[Served]) -> anyhow::Result<PathBuf> {
    let mut text = format!("listen: 127.0.0.1:{port}\nservers:\n");
    for Served { name, url, era } in servers {
        text.push_str(&format!("  {name}: {{ url: \"{url}\", era: {era} }}\n"));
    }
    text.push_str("users:\n");
    for (user, key) in USERS {
        text.push_str(&format!(
            "  {user}:\n    keys: [{{ id: demo, sha256: \"{}\" }}]\n    credentials:\n",
            hash(hub, key)?
        ));
        for Served { name, .. } in servers {
            text.push_str(&format!("      {name}: {{ bearer: {user}-{name}-token }}\n"));
        }
    }
    fs::write(path, text).with_context(|| path.display().to_string())?;
    Ok(path.to_owned())
}

/// What the hub's configuration holds of a key.
pub(crate) fn hash(hub: &Path, key: &str) -> anyhow::Result<String> {
    let mut child = Command::new(hub).arg("hash-key").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("standard input was piped")?.write_all(key.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "hub hash-key failed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs the demo until SIGINT.
pub(crate) fn run(port: u16) -> anyhow::Result<()> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let demo = Demo::start(port)?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, interrupted.clone())?;
    }
    println!("The hub listens on {}; routes /mcp/db and /mcp/github, and /mcp for both as one.", demo.url);
    for (user, key) in USERS {
        println!("  {user}: Authorization: Bearer {key}");
    }
    println!("The README's examples work as printed. Stop with Ctrl-C.");
    while !interrupted.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_millis(100));
    }
    drop(demo);
    println!("stopped");
    Ok(())
}
