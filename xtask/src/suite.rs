//! The suite and the other binaries, built and called.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::root;

/// Builds `crosstalk` and gives it the arguments and this terminal; its exit code is the result.
pub(crate) fn pass_through(args: &[String]) -> anyhow::Result<u8> {
    let binary = build("scenarios", "crosstalk")?;
    let status = Command::new(&binary).args(args).status().with_context(|| format!("starting {}", binary.display()))?;
    // A process that a signal ended has no code; a shell says 128 and more.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(128))
}

/// The cargo that started this.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The variable with the folder of binaries that are built already, for parts of the tests that run side by side.
pub(crate) const BUILT: &str = "CROSSTALK_BUILT";
/// The hub with deliberate defects, in that folder.
const DEFECTIVE_HUB: &str = "hub-with-defects";

/// Builds every binary into a folder, for [`BUILT`]. They are those that `cargo test` has built: a package built alone is
/// built with fewer features of what it depends on, and so with nearly all of that once more. Only the hub is built alone
/// as well, as it is shipped: without the feature that holds deliberate defects.
pub(crate) fn build_everything(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let with_the_tests = ["--workspace", "--bins", "--tests"];
    for (binary, name) in [("crosstalk", "crosstalk"), ("fake-upstreams", "fake-upstreams"), ("hub", DEFECTIVE_HUB)] {
        fs::copy(executable(binary, &with_the_tests)?, folder.join(name)).context("keeping what was built")?;
    }
    fs::copy(build_with("hub", "hub", &[])?, folder.join("hub")).context("keeping what was built")?;
    Ok(())
}

/// Builds one binary and says where it is.
pub(crate) fn build(package: &str, binary: &str) -> anyhow::Result<PathBuf> {
    match env::var_os(BUILT) {
        Some(folder) => Ok(PathBuf::from(folder).join(binary)),
        None => build_with(package, binary, &[]),
    }
}

/// The same as it is shipped: what is measured must be.
pub(crate) fn build_release(package: &str, binary: &str) -> anyhow::Result<PathBuf> {
    build_with(package, binary, &["--release"])
}

/// The hub with the feature that holds deliberate defects, as the suite is built with it.
pub(crate) fn build_defective_hub() -> anyhow::Result<PathBuf> {
    match env::var_os(BUILT) {
        Some(folder) => Ok(PathBuf::from(folder).join(DEFECTIVE_HUB)),
        None => executable("hub", &["--workspace", "--bin", "hub", "--features", "hub/defects"]),
    }
}

fn build_with(package: &str, binary: &str, flags: &[&str]) -> anyhow::Result<PathBuf> {
    executable(binary, &[&["--package", package, "--bin", binary], flags].concat())
}

fn executable(binary: &str, selection: &[&str]) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(cargo());
    command.current_dir(root()).args(["build", "--quiet"]).args(selection);
    command.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = command.output().context("starting cargo")?;
    ensure!(output.status.success(), "building {binary} failed");
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        let path = PathBuf::from(rest.split('"').next()?);
        (path.file_stem()? == binary).then_some(path)
    });
    executable.with_context(|| format!("cargo did not say where {binary} is"))
}
