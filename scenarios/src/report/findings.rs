//! What was found in each scenario, without anything that differs from run to run: no mark, id, port or count.
//!
//! It is made to be kept in a file and compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    oracles::{Severity, finding},
    run::CellReport,
};

/// Verdicts and findings by scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    scenarios: BTreeMap<String, Scenario>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Scenario {
    verdicts: BTreeSet<&'static str>,
    findings: BTreeSet<String>,
}

impl Findings {
    /// Adds a cell.
    pub fn add(&mut self, report: &CellReport) {
        let scenario = self.scenarios.entry(report.scenario.id.value.clone()).or_default();
        scenario.verdicts.insert(report.verdict.word());
        for finding in report.verdict.findings() {
            let weight = if finding.severity == Severity::Warning { "warning, " } else { "" };
            let headline = finding::plain(&finding.headline);
            scenario.findings.insert(format!("{weight}{} {}: {headline}", finding.kind, finding.oracle));
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, scenario) in &self.scenarios {
            let verdicts: Vec<&str> = scenario.verdicts.iter().copied().collect();
            writeln!(f, "{id}: {}", verdicts.join(", "))?;
            for finding in &scenario.findings {
                writeln!(f, "  {finding}")?;
            }
        }
        Ok(())
    }
}
