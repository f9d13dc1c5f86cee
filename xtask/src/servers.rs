//! Servers judged with no hub between: two that others have published, and the page that says how, as it is printed.

use std::{env, ffi::OsString, fs, process::Command};

use anyhow::{Context, ensure};

use crate::{npm, readme::fenced, root, suite, targets};

/// Judges the published servers; their findings must be those of the golden files beside their target files.
pub(crate) fn published() -> anyhow::Result<()> {
    let folder = root().join("scenarios/targets/everything");
    let installed = npm::install(&folder, "node-servers")?;
    let judge = |name: &str, code: u8| {
        let found = root().join("target").join(format!("{name}-findings"));
        let mut command = Command::new(suite::build("scenarios", "crosstalk")?);
        command.arg("--target").arg(folder.join(format!("{name}.yaml")));
        command.args(["--revision", "2025-11-25", "--patience", "10s", "--findings"]).arg(&found);
        command.env("NODE_SERVERS", &installed);
        targets::judged(command, code)?;
        targets::golden(&found, &format!("scenarios/targets/everything/{name}.findings.txt"))
    };
    judge("everything", 0)?;
    judge("memory", targets::FOUND)
}

/// Follows docs/servers.md literally: its files are written into an empty folder, its commands are run there, and every
/// line that it shows must come, in this order.
pub(crate) fn page() -> anyhow::Result<()> {
    let text = fs::read_to_string(root().join("docs/servers.md")).context("docs/servers.md")?;
    let folder = root().join("target/servers-page");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let path = with_binaries(&["scenarios/crosstalk", "fake-upstreams/fake-upstreams"])?;
    let (mut script, mut count) = (String::new(), 0);
    for piece in text.split("<!-- try").skip(1) {
        if let Some((name, _)) = piece.strip_prefix(": ").and_then(|rest| rest.split_once(" -->")) {
            let file = fenced(piece, "yaml").with_context(|| format!("{name}: no block of yaml"))?;
            fs::write(folder.join(name), format!("{file}\n"))?;
            continue;
        }
        // What is exported in one block is there in the next, as in a terminal.
        let block = fenced(piece, "sh").context("a block to try without sh")?;
        script.push_str(&format!("{block}\n"));
        let wanted = fenced(piece, "text").context("a block to try without text")?;
        let mut shell = Command::new("bash");
        shell.current_dir(&folder).env("PATH", &path).args(["-c", &script]).env_remove("ACME_ALICE");
        let output = shell.output().context("bash is needed")?;
        let got = String::from_utf8([output.stdout, output.stderr].concat())?;
        let mut lines = got.lines();
        for line in wanted.lines() {
            ensure!(lines.any(|came| came == line), "docs/servers.md promises the line\n{line}\nand there came\n{got}");
        }
        script = exports(&script);
        count += 1;
    }
    ensure!(count > 0, "docs/servers.md has nothing to try");
    println!("{count} blocks of docs/servers.md show what they say");
    Ok(())
}

/// The lines of a script that the next block depends on.
fn exports(script: &str) -> String {
    script.lines().filter(|line| line.starts_with("export ")).map(|line| format!("{line}\n")).collect()
}

/// `PATH` with the folders of these binaries in front, each built first.
fn with_binaries(binaries: &[&str]) -> anyhow::Result<OsString> {
    let mut folders = Vec::new();
    for binary in binaries {
        let (package, name) = binary.split_once('/').context("package and binary")?;
        let built = suite::build(package, name)?;
        folders.push(built.parent().context("a binary stands in a folder")?.to_owned());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(folders.into_iter().chain(env::split_paths(&path)))?)
}
