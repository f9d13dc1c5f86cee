//! Packages of npm, pinned by a lockfile and installed under `target/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use crate::root;

/// The packages of the lockfile in `from`, installed where they are not yet; gives the folder that holds `node_modules`.
pub(crate) fn install(from: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join("target/peers").join(name);
    fs::create_dir_all(&folder)?;
    let lock = fs::read_to_string(from.join("package-lock.json")).context("package-lock.json")?;
    let ready = folder.join("ready");
    if fs::read_to_string(&ready).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    for name in ["package.json", "package-lock.json"] {
        fs::copy(from.join(name), folder.join(name)).with_context(|| name.to_owned())?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
    let status = npm.status().context("npm is needed for this test; install Node.js 20 or newer")?;
    ensure!(status.success(), "npm ci failed; is the package registry reachable?");
    fs::write(&ready, lock)?;
    Ok(folder)
}
