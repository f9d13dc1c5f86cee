//! The blocks of the README that are output: written by the programs, checked by the tests.
//!
//! A block stands between `<!-- output: NAME -->` and `<!-- end -->`. The examples for the demo are
//! `sh` blocks behind `<!-- demo -->`; the `text` block after each is what it prints, where `…` stands
//! for what differs from run to run. What was measured stands behind `<!-- measured -->`: `cargo xtask bench` writes it,
//! and nothing checks it, because it would be another on another machine. What the official suite found stands behind
//! `<!-- official -->`: `cargo xtask official --write` writes it, and `cargo xtask test` checks it.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, bail, ensure};

use crate::{
    demo::{self, Demo},
    root, suite,
};

/// Where the table of measurements begins.
const MEASURED: &str = "<!-- measured -->";
/// Where the table of the official suite begins.
const OFFICIAL: &str = "<!-- official -->";

fn path() -> PathBuf {
    root().join("README.md")
}

/// Writes the blocks anew; with `check`, true means that some are stale.
pub(crate) fn run(check: bool) -> anyhow::Result<bool> {
    let text = fs::read_to_string(path()).context("README.md")?;
    let fresh = renewed(&text)?;
    if check {
        if fresh != text {
            eprintln!("README.md: a block of output is stale; run `cargo xtask readme`");
        }
        return Ok(fresh != text);
    }
    fs::write(path(), fresh)?;
    Ok(false)
}

/// For the tests: no block is stale, and every example prints what it says.
pub(crate) fn check_all() -> anyhow::Result<()> {
    ensure!(!run(true)?, "README.md is stale");
    examples()
}

fn renewed(text: &str) -> anyhow::Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("<!-- output: ") {
        let (before, block) = rest.split_at(start);
        let (head, tail) = block.split_once("-->").context("an output block without `-->`")?;
        let name = head.trim_start_matches("<!-- output: ").trim();
        let (_, after) = tail.split_once("<!-- end -->").with_context(|| format!("{name}: no `<!-- end -->`"))?;
        out.push_str(&format!("{before}{head}-->\n{}\n<!-- end -->", output(name)?));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The README with this table as what was measured.
pub(crate) fn with_measured(text: &str, table: &str) -> anyhow::Result<String> {
    with_block(text, MEASURED, table)
}

/// The README with this as what the official suite found.
pub(crate) fn with_official(text: &str, table: &str) -> anyhow::Result<String> {
    with_block(text, OFFICIAL, table)
}

fn with_block(text: &str, mark: &str, block: &str) -> anyhow::Result<String> {
    let (before, rest) = text.split_once(mark).with_context(|| format!("README.md: no `{mark}`"))?;
    let (_, after) = rest.split_once("<!-- end -->").with_context(|| format!("{mark}: no `<!-- end -->`"))?;
    Ok(format!("{before}{mark}\n{block}<!-- end -->{after}"))
}

fn output(name: &str) -> anyhow::Result<String> {
    match name {
        "failing run" => {
            let isolation = ["--isolation", "mcphub-v2.1", "seed/test-2-stateful-isolation", "--color", "never"];
            let text = crosstalk(&isolation, 1)?;
            let lines: Vec<&str> = text.lines().take(28).collect();
            Ok(format!("```text\n{}\n⋮\n{}\n```", lines.join("\n"), text.lines().last().unwrap_or_default()))
        }
        "size" => {
            let list = crosstalk(&["list"], 0)?;
            Ok(format!("The suite holds {}.", list.lines().last().unwrap_or_default()))
        }
        _ => bail!("README.md: no output is called `{name}`"),
    }
}

fn crosstalk(args: &[&str], code: i32) -> anyhow::Result<String> {
    let binary = suite::build("scenarios", "crosstalk")?;
    let output = Command::new(binary).args(args).env("LC_ALL", "C.UTF-8").output()?;
    let told = output.status.code();
    ensure!(told == Some(code), "crosstalk {}: exit code {told:?} instead of {code}", args.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs every example against a demo, as printed but for the port.
fn examples() -> anyhow::Result<()> {
    let text = fs::read_to_string(path())?;
    let demo = Demo::start(0)?;
    let printed = format!("http://127.0.0.1:{}", demo::PORT);
    let mut count = 0;
    for example in text.split("<!-- demo -->").skip(1) {
        let script = fenced(example, "sh").context("an example without a block of sh")?;
        let wanted = fenced(example, "text").context("an example without a block of text")?;
        let script = script.replace(&printed, &demo.url);
        let output =
            Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output().context("bash is needed")?;
        let got = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "an example failed:\n{script}\n{}", String::from_utf8_lossy(&output.stderr));
        ensure!(matches(&wanted, &got), "an example prints\n{got}\ninstead of\n{wanted}\nfor\n{script}");
        count += 1;
    }
    ensure!(count > 0, "README.md has no example");
    println!("{count} examples print what the README says");
    Ok(())
}

/// The first fenced block of this language.
pub(crate) fn fenced(text: &str, language: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("```{language}\n"))?;
    rest.split_once("\n```").map(|(block, _)| block.to_owned())
}

/// Line by line; `…` stands for anything inside a line.
fn matches(wanted: &str, got: &str) -> bool {
    let (wanted, got): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), got.trim_end().lines().collect());
    wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| line_matches(wanted, got))
}

/// Whether a text is what is wanted, where `…` stands for anything.
pub(crate) fn line_matches(wanted: &str, got: &str) -> bool {
    let mut parts = wanted.split('…');
    let Some(mut rest) = parts.next().and_then(|first| got.strip_prefix(first)) else { return false };
    let mut open = false;
    for part in parts {
        open = true;
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || (open && wanted.ends_with('…'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_is_written_anew() {
        let text = "a\n<!-- measured -->\nold\n<!-- end -->\nb <!-- end -->\n";
        let fresh = with_measured(text, "new\n").unwrap();
        assert_eq!(fresh, "a\n<!-- measured -->\nnew\n<!-- end -->\nb <!-- end -->\n");
        assert!(with_measured("nowhere", "new\n").is_err());
    }

    #[test]
    fn an_ellipsis_stands_for_anything_inside_a_line() {
        assert!(matches("a … c\nd", "a b c\nd\n"));
        assert!(matches("a …", "a b c"));
        assert!(!matches("a … c", "a b d"));
        assert!(!matches("a", "a b"));
        assert!(!matches("a\nb", "a"));
    }
}
