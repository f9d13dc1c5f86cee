//! Packages of Python, each in an environment of its own under `target/`.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, ensure};

use crate::root;

/// What the fastmcp hub is made with, and whose client is tried. Pinned: another version may behave otherwise, and then the
/// page of the hub is wrong.
pub(super) const FASTMCP: &str = "fastmcp==4.1.2";

/// The fastmcp that is used everywhere.
pub(crate) fn fastmcp() -> anyhow::Result<PathBuf> {
    environment(FASTMCP)
}

/// A virtual environment with this package in it, made where there is none; gives its Python.
pub(super) fn environment(package: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join("target/peers").join(package.replace("==", "-"));
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    if ready.exists() {
        return Ok(python);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
    let made = made.context("python3 is needed for this test; install Python 3.11 or newer with its venv module")?;
    ensure!(made.success(), "python3 -m venv failed; on Debian, install python3-venv");
    let installed = Command::new(&python).args(["-m", "pip", "install", "--quiet", package]).status()?;
    ensure!(installed.success(), "pip could not install {package}; is the package index reachable?");
    fs::write(&ready, "")?;
    Ok(python)
}
