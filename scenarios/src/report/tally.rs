//! How many cells came out how, and what that means for whoever called.

use std::collections::BTreeMap;

use crate::{
    oracles::Kind,
    run::{CellReport, Verdict},
};

/// Exit codes, by cause. The highest of 70, 3, 2, 1, 4 wins; 130 is an interrupted run.
pub mod exit {
    /// Everything that was selected conforms.
    pub const PASSED: u8 = 0;
    /// A promise was broken.
    pub const FAILED: u8 = 1;
    /// The command line cannot be followed.
    pub const USAGE: u8 = 2;
    /// A scenario file is invalid.
    pub const INVALID: u8 = 3;
    /// Nothing failed, but something could not run or was not observed.
    pub const INCOMPLETE: u8 = 4;
    /// The suite itself is at fault.
    pub const HARNESS: u8 = 70;
    /// Interrupted.
    pub const INTERRUPTED: u8 = 130;
}

/// Cells counted by outcome, failures by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    outcomes: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<Kind, u64>,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one cell. A cell counts once for each kind of harm that it shows.
    pub fn add(&mut self, report: &CellReport) {
        *self.outcomes.entry(report.verdict.word()).or_default() += 1;
        let mut kinds: Vec<Kind> = report.verdict.findings().iter().map(|finding| finding.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            *self.kinds.entry(kind).or_default() += 1;
        }
        if let Verdict::NotApplicable { reason } = &report.verdict {
            *self.reasons.entry(reason.clone()).or_default() += 1;
        }
    }

    fn count(&self, word: &str) -> u64 {
        self.outcomes.get(word).copied().unwrap_or_default()
    }

    /// Cells that were judged and broke no promise; a warning is no broken promise.
    pub fn passed(&self) -> u64 {
        self.count("pass") + self.count("warn")
    }

    /// Cells that failed, whoever is at fault.
    pub fn failed(&self) -> u64 {
        self.count("fail") + self.count("harness")
    }

    /// Cells that the target cannot be asked.
    pub fn skipped(&self) -> u64 {
        self.count("not-applicable")
    }

    /// Cells that should have been judged and were not: never green.
    pub fn unverified(&self) -> u64 {
        self.count("not-observed") + self.count("could-not-run")
    }

    /// The exit code of a run.
    pub fn exit(&self) -> u8 {
        if self.count("harness") > 0 {
            exit::HARNESS
        } else if self.count("fail") > 0 {
            exit::FAILED
        } else if self.unverified() > 0 || self.passed() == 0 {
            exit::INCOMPLETE
        } else {
            exit::PASSED
        }
    }

    /// Every outcome that occurred, and every kind of harm.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let counted = |counts: Vec<String>| counts.join("   ");
        lines.push(format!(
            "  Cells  {}",
            counted(self.outcomes.iter().map(|(word, n)| format!("{n} {word}")).collect())
        ));
        if !self.kinds.is_empty() {
            lines.push(format!(
                "  Kinds  {}",
                counted(self.kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect())
            ));
        }
        for (reason, count) in &self.reasons {
            lines.push(format!("   Skip  {count} {reason}"));
        }
        lines
    }

    /// The last line: plain, the same in every mode.
    pub fn last_line(&self) -> String {
        let mut line = format!("conformance: {} passed, {} failed", self.passed(), self.failed());
        for (count, word) in [(self.skipped(), "skipped"), (self.unverified(), "not verified")] {
            if count > 0 {
                line.push_str(&format!(", {count} {word}"));
            }
        }
        line
    }
}
