//! Clients of other people, unmodified, through the hub: the Python SDK from the package index.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, ensure};

use crate::{
    demo::{Demo, USERS},
    root,
};

/// The Python SDK that is tried. Pinned, so that a failure is ours.
const PYTHON_SDK: &str = "mcp==1.30.0";

/// Lets the Python client initialize, list and call as both users at once.
pub(crate) fn python(demo: &Demo) -> anyhow::Result<()> {
    let python = environment(PYTHON_SDK)?;
    let users: Vec<String> = USERS.iter().map(|(user, key)| format!("{user}={key}")).collect();
    let mut command = Command::new(python);
    command.arg(root().join("xtask/peers/client.py")).arg(&demo.url).args(users);
    let status = command.status().context("starting Python")?;
    ensure!(status.success(), "the Python client did not get what it should");
    Ok(())
}

/// A virtual environment with this package in it, made where there is none; gives its Python.
pub(crate) fn environment(package: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join("target/peers").join(package.replace("==", "-"));
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    if ready.exists() {
        return Ok(python);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
    let made = made.context("python3 is needed for this test; install Python 3.10 or newer with its venv module")?;
    ensure!(made.success(), "python3 -m venv failed; on Debian, install python3-venv");
    let installed = Command::new(&python).args(["-m", "pip", "install", "--quiet", package]).status()?;
    ensure!(installed.success(), "pip could not install {package}; is the package index reachable?");
    fs::write(&ready, "")?;
    Ok(python)
}
