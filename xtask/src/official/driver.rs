//! What the official suite starts as a client: a hub with the suite's server as its upstream, and a client that goes there.
//!
//! The suite gives the URL of its server as the last argument, and what it plays in the environment, which the client reads.

use std::{env, ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context, ensure};

use crate::{demo, processes::Processes, root};

/// Where this program is told to find itself, Node.js, the client and the hub.
pub(super) const PROGRAM: &str = "OFFICIAL_PROGRAM";
pub(super) const NODE: &str = "OFFICIAL_NODE";
pub(super) const CLIENT: &str = "OFFICIAL_CLIENT";
pub(super) const HUB: &str = "OFFICIAL_HUB";
/// The only key of that hub.
const KEY: &str = "official-client-key-1";

/// The command by which the suite starts the client of this era without a hub.
pub(super) fn straight(era: &str) -> String {
    format!("\"${NODE}\" \"${CLIENT}\" {era}")
}

/// The same with a hub between, which speaks to the suite's server in the other era of the two.
pub(super) fn through_hub(era: &str, server: &str) -> String {
    format!("\"${PROGRAM}\" official-client {era} {server}")
}

/// Starts the hub, and lets the client do its work.
pub(crate) fn drive(era: &str, server: &str, url: &str) -> anyhow::Result<u8> {
    let hub = PathBuf::from(told(HUB)?);
    let folder = root().join("target/official");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("hub-of-{era}-client.yaml"));
    let hash = demo::hash(&hub, KEY)?;
    let user = format!(
        "keys: [{{ id: client, sha256: \"{hash}\" }}]\n    credentials: {{ suite: {{ bearer: suite-token }} }}"
    );
    let servers = format!("servers:\n  suite: {{ url: \"{url}\", era: {server} }}");
    fs::write(&path, format!("listen: 127.0.0.1:0\n{servers}\nusers:\n  official:\n    {user}\n"))?;
    let mut processes = Processes::default();
    let mut command = Command::new(&hub);
    command.args(["serve", "--config"]).arg(&path).env("HUB_LOG", "error");
    let hub = processes.launch("hub", command)?;
    let mut client = Command::new(told(NODE)?);
    client.arg(told(CLIENT)?).args([era, &format!("{hub}/mcp/suite")]).env("HUB_KEY", KEY);
    let status = client.status().context("starting the client")?;
    ensure!(status.success(), "the client ended with {status}");
    Ok(0)
}

fn told(name: &str) -> anyhow::Result<OsString> {
    env::var_os(name).with_context(|| format!("`{name}` is not set; the official suite is to start this"))
}
