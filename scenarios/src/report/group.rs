//! Equal findings of many cells, told once.
//!
//! A hub with one hole fails a scenario in every cell of its matrix and in every step after the first.
//! A reader wants the first place where it shows, and how often.

use std::sync::Arc;

use crate::{
    oracles::{Finding, Oracle, Severity},
    run::{CellReport, Verdict},
    scenario::model::Scenario,
    trace::{Event, Purpose, Trace},
};

/// One scenario that did not simply pass.
#[derive(Debug, Clone)]
pub struct Failing {
    /// Which.
    pub scenario: Arc<Scenario>,
    /// The first seed under which it did not.
    pub seed: u64,
    /// Cells of it, by name, that did not pass.
    pub cells: Vec<String>,
    /// What they show, the worst first.
    pub findings: Vec<Grouped>,
    /// What else became of cells: outcome and reason.
    pub reasons: Vec<(String, String)>,
}

/// A finding, and the cells that show it.
#[derive(Debug, Clone)]
pub struct Grouped {
    /// As the first cell shows it.
    pub finding: Finding,
    /// The trace of the first cell.
    pub trace: Option<Trace>,
    /// The first cell's name.
    pub cell: String,
    /// How many cells show it.
    pub count: usize,
}

impl Failing {
    /// The scenario of `report`, of which nothing is told yet.
    pub fn of(report: &CellReport) -> Self {
        let (scenario, seed) = (report.scenario.clone(), report.seed);
        Self { scenario, seed, cells: Vec::new(), findings: Vec::new(), reasons: Vec::new() }
    }

    /// Whether there is anything to tell of a cell.
    pub fn tells(verdict: &Verdict) -> bool {
        !matches!(verdict, Verdict::Pass | Verdict::NotApplicable { .. })
    }

    /// Adds a cell of which there is something to tell.
    pub fn add(&mut self, report: &CellReport) {
        match &report.verdict {
            Verdict::Pass | Verdict::NotApplicable { .. } => return,
            Verdict::Fail { findings } | Verdict::Warn { findings } => self.add_findings(report, findings),
            Verdict::NotObserved { reason } | Verdict::CouldNotRun { reason } | Verdict::Harness { reason } => {
                let told = (report.verdict.word().to_owned(), reason.clone());
                if !self.reasons.contains(&told) {
                    self.reasons.push(told);
                }
            }
        }
        self.cells.push(report.cell.clone());
    }

    fn add_findings(&mut self, report: &CellReport, findings: &[Finding]) {
        let mut told: Vec<&Grouped> = Vec::new();
        let mut fresh = Vec::new();
        for finding in findings {
            let same = |other: &Finding| other.says_the_same(finding);
            if fresh.iter().any(|grouped: &Grouped| same(&grouped.finding))
                || told.iter().any(|grouped| same(&grouped.finding))
            {
                continue;
            }
            match self.findings.iter().position(|grouped| same(&grouped.finding)) {
                Some(place) => told.push(&self.findings[place]),
                None => fresh.push(Grouped {
                    finding: finding.clone(),
                    trace: report.trace.clone(),
                    cell: report.cell.clone(),
                    count: 1,
                }),
            }
        }
        let again: Vec<String> = told.iter().map(|grouped| grouped.finding.headline.clone()).collect();
        for grouped in self.findings.iter_mut().filter(|grouped| again.contains(&grouped.finding.headline)) {
            grouped.count += 1;
        }
        self.findings.extend(fresh);
        self.findings.sort_by_key(weight);
    }
}

/// The worst first: what crossed, then what was harmed, then what was lost. What a step shows comes before
/// what its handshake shows, and what a reader sees in an answer before what only the ledger tells.
fn weight(grouped: &Grouped) -> (bool, u8, bool, Oracle, usize) {
    let finding = &grouped.finding;
    let kind = finding.kind.rank();
    let handshake = grouped.trace.as_ref().is_some_and(|trace| in_handshake(trace, finding.at));
    (finding.severity == Severity::Warning, kind, handshake, finding.oracle, finding.at)
}

/// Whether the event is the answer to a handshake.
fn in_handshake(trace: &Trace, at: usize) -> bool {
    let Some(Event::Received { exchange: answered, .. }) = trace.events.get(at) else { return false };
    trace.events[..at]
        .iter()
        .any(|event| matches!(event, Event::Sent { exchange, purpose: Purpose::Handshake, .. } if exchange == answered))
}
