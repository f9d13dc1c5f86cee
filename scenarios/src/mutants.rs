//! Every check must be able to fail: the suite is run against every defect of the reference hub, and a
//! defect that no check sees is a hole in the suite.

use std::{ops::ControlFlow, sync::Arc};

use crate::{
    oracles::{Oracle, Severity},
    run::{self, Options, Verdict},
    scenario::model::Scenario,
    target::{
        Target,
        reference::{self, Defect, UnknownIsolation},
    },
};

/// A defect, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The defect.
    pub defect: Defect,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A check saw it.
    Killed {
        /// In which scenario.
        scenario: String,
        /// In which cell.
        cell: String,
        /// Which oracle.
        oracle: Oracle,
        /// What it said.
        headline: String,
    },
    /// Nobody can see it, and the defect says why.
    Equivalent,
    /// No check saw it.
    Survived,
}

/// Runs the scenarios against every defect, each until it is killed, and tells each fate.
///
/// # Errors
/// A defect that the reference hub lists and then does not know.
pub fn hunt(
    scenarios: &[Arc<Scenario>],
    options: &Options,
    mut tell: impl FnMut(&Mutant) -> ControlFlow<()>,
) -> Result<Vec<Mutant>, UnknownIsolation> {
    let mut mutants = Vec::new();
    for defect in reference::defects() {
        let fate = match fate(&defect, scenarios, options)? {
            Fate::Survived if defect.equivalent.is_some() => Fate::Equivalent,
            fate => fate,
        };
        let mutant = Mutant { defect, fate };
        let go_on = tell(&mutant);
        mutants.push(mutant);
        if go_on.is_break() {
            break;
        }
    }
    Ok(mutants)
}

fn fate(defect: &Defect, scenarios: &[Arc<Scenario>], options: &Options) -> Result<Fate, UnknownIsolation> {
    let options = Options { target: Target::reference(Some(&defect.name))?, ..options.clone() };
    // Those that say they can see this class come first; most defects die in their first cells.
    let (aimed, others): (Vec<_>, Vec<_>) =
        scenarios.iter().cloned().partition(|scenario| scenario.bugs.iter().any(|bug| bug.value == defect.class));
    let ordered: Vec<Arc<Scenario>> = aimed.into_iter().chain(others).collect();
    let mut fate = Fate::Survived;
    run::play(&run::plan(&ordered, &options), &options, |report| {
        let Verdict::Fail { findings } = &report.verdict else { return ControlFlow::Continue(()) };
        let mut failures = findings.iter().filter(|finding| finding.severity == Severity::Failure);
        let Some(first) = failures.next() else { return ControlFlow::Continue(()) };
        // An oracle that judges every scenario says more than a promise that somebody wrote down.
        let finding = failures.chain([first]).find(|f| f.oracle != Oracle::Expectation).unwrap_or(first);
        fate = Fate::Killed {
            scenario: report.scenario.id.value.clone(),
            cell: report.cell.clone(),
            oracle: finding.oracle,
            headline: finding.headline.clone(),
        };
        ControlFlow::Break(())
    });
    Ok(fate)
}
