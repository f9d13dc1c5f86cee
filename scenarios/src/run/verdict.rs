//! What came of one cell, in words that a reporter can print and a stored run can be rebuilt from.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Cell;
use crate::{oracles::Finding, scenario::model::Scenario, trace::Trace};

/// One cell of the matrix, played and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellReport {
    /// What was played.
    pub scenario: Arc<Scenario>,
    /// Which cell of its matrix, as printed: `2025-11-25 per-user order 2/2`.
    pub cell: String,
    /// The seed it was played with.
    pub seed: u64,
    /// What came of it.
    pub verdict: Verdict,
    /// Everything that crossed; absent where nothing was played.
    pub trace: Option<Trace>,
}

/// The outcomes, none of them hidden. Nothing verified is never green.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Verdict {
    /// Every promise was kept.
    Pass,
    /// A promise was broken.
    Fail {
        /// Which, in the order of the oracles; never empty.
        findings: Vec<Finding>,
    },
    /// Nothing was broken, but something tells more than it should on a target that promised less.
    Warn {
        /// What; never empty.
        findings: Vec<Finding>,
    },
    /// The target cannot be asked this, and says so.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// It was played, and the trace does not show what the scenario is about.
    NotObserved {
        /// Why.
        reason: String,
    },
    /// The target or an upstream could not be started or reached.
    CouldNotRun {
        /// Why.
        reason: String,
    },
    /// The suite itself is at fault: the same user alone, through no hub, does not get it either.
    Harness {
        /// Why.
        reason: String,
    },
}

impl CellReport {
    /// What came of a cell.
    pub fn of(cell: &Cell, seed: u64, verdict: Verdict, trace: Option<Trace>) -> Self {
        Self { scenario: cell.scenario.clone(), cell: cell.name.clone(), seed, verdict, trace }
    }
}

impl Verdict {
    /// The word that is printed and stored.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail { .. } => "fail",
            Verdict::Warn { .. } => "warn",
            Verdict::NotApplicable { .. } => "not-applicable",
            Verdict::NotObserved { .. } => "not-observed",
            Verdict::CouldNotRun { .. } => "could-not-run",
            Verdict::Harness { .. } => "harness",
        }
    }

    /// The findings, where there are any.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Verdict::Fail { findings } | Verdict::Warn { findings } => findings,
            _ => &[],
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
