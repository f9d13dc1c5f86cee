//! What no compiler checks: who may import whom, how long things are, that files say what they are for.
//!
//! - [`rules`]: each rule, from a file's name and text to what is wrong with it.

mod rules;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// Checks every file that git knows; true means that something is wrong.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output();
    let output = output.context("git is needed to know the project's files")?;
    ensure!(output.status.success(), "git ls-files failed");
    let names = String::from_utf8(output.stdout)?;
    let (mut wrong, mut files) = (Vec::new(), 0);
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let path: PathBuf = root.join(name);
        // A file that is no text, or was removed and not yet committed, is nobody's business here.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        files += 1;
        wrong.extend(rules::check(name, &text));
    }
    let (errors, hints): (Vec<_>, Vec<_>) = wrong.into_iter().partition(|told| told.fails);
    for told in hints.iter().chain(&errors) {
        let word = if told.fails { "error" } else { "hint" };
        println!("{word}: {}:{}: {}", told.file, told.line, told.message);
    }
    println!("tidy: {files} files, {} errors, {} hints", errors.len(), hints.len());
    Ok(!errors.is_empty())
}
