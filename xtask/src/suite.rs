//! The suite and the other binaries, built and called.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
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
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// What `cargo test` builds, and the binaries with it.
const OF_THE_TESTS: [&str; 3] = ["--workspace", "--bins", "--tests"];
/// Set while all tests run.
static WITH_THE_TESTS: OnceLock<()> = OnceLock::new();

/// From here on binaries are those that `cargo test` has built. A package built alone is built with fewer features of
/// what it depends on, and so with nearly all of that once more.
pub(crate) fn build_with_the_tests() {
    let _ = WITH_THE_TESTS.set(());
}

/// Builds one binary and says where it is. The hub is always built alone, as it is shipped: without the feature that
/// holds deliberate defects.
pub(crate) fn build(package: &str, binary: &str) -> anyhow::Result<PathBuf> {
    match WITH_THE_TESTS.get() {
        Some(()) if package != "hub" => executable(binary, &OF_THE_TESTS),
        _ => build_with(package, binary, &[]),
    }
}

/// The same as it is shipped: what is measured must be.
pub(crate) fn build_release(package: &str, binary: &str) -> anyhow::Result<PathBuf> {
    build_with(package, binary, &["--release"])
}

/// The hub with the feature that holds deliberate defects, as the suite is built with it.
pub(crate) fn build_defective_hub() -> anyhow::Result<PathBuf> {
    match WITH_THE_TESTS.get() {
        Some(()) => executable("hub", &OF_THE_TESTS),
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
