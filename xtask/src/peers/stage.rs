//! What the clients meet: a hub of two users in front of three fakes, one of them by two names, once for each era in which
//! the hub speaks to it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::Context;

use crate::{
    demo::{self, Served, USERS},
    processes::Processes,
    root, suite,
};

/// Servers of the hub: name, fake, era in which the hub speaks to it.
pub(super) const SERVERS: [(&str, &str, &str); 4] = [
    ("db", "db", "auto"),
    ("github", "github", "auto"),
    ("lab-stateful", "lab", "stateful"),
    ("lab-stateless", "lab", "stateless"),
];

/// Everything that runs while a client is tried.
pub(super) struct Stage {
    /// Where the routes begin: `http://127.0.0.1:8931/mcp`.
    pub(super) url: String,
    /// What `lab` writes down, a line of JSON for each entry.
    pub(super) ledger: PathBuf,
    _processes: Processes,
}

impl Stage {
    pub(super) fn set() -> anyhow::Result<Self> {
        let (fakes, hub) = (suite::build("fake-upstreams", "fake-upstreams")?, suite::build("hub", "hub")?);
        let folder = root().join("target/demo");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let ledger = folder.join("lab-ledger.ndjson");
        let mut processes = Processes::default();
        let mut urls = Vec::new();
        for kind in ["db", "github", "lab"] {
            let mut command = Command::new(&fakes);
            command.args(["serve", kind]);
            for (user, _) in USERS {
                command.args(["--account", &format!("{user}={}", token(user, kind))]);
            }
            let output = if kind == "lab" { File::create(&ledger)?.into() } else { Stdio::null() };
            urls.push((kind, processes.launch_writing("fake-upstreams", command, output)?));
        }
        let url_of = |fake: &str| urls.iter().find(|(kind, _)| *kind == fake).map(|(_, url)| url.clone());
        let servers: Vec<Served> = SERVERS
            .into_iter()
            .filter_map(|(name, fake, era)| Some(Served { name, url: url_of(fake)?, era }))
            .collect();
        let config = demo::configuration(&hub, &folder.join("clients-hub.yaml"), 0, &servers)?;
        let mut command = Command::new(&hub);
        command.args(["serve", "--config"]).arg(&config).env("HUB_LOG", "warn");
        let url = format!("{}/mcp", processes.launch("hub", command)?);
        Ok(Self { url, ledger, _processes: processes })
    }
}

/// What the hub shows a server of this name for a user.
pub(super) fn token(user: &str, server: &str) -> String {
    format!("{user}-{server}-token")
}
