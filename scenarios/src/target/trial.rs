//! Whether the roles of a server work for one user alone, tried once in a run. A role that does not is nobody's leak: what
//! needs it could not be judged, and the target file is the first thing to look at.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Target, file::ServerFile};
use crate::{
    engine::stage::Front,
    oracles,
    run::{self, Cell, Mode, Options, cell::Setting, options::Destructive},
    scenario::{
        self,
        model::{Action, Expectation, RequestKind, Scenario, Step, TextMatch},
    },
    trace::Index,
};

/// A slow call takes at least this: many times an echo on any machine.
pub(crate) const SLOW: Duration = Duration::from_millis(150);

/// Nothing, where every role that the scenario plays works for one user alone.
///
/// # Errors
/// What does not work, or why it could not be tried.
pub(super) fn passed(file: &Arc<ServerFile>, scenario: &Scenario, options: &Options) -> Result<(), String> {
    let problems = file.tried.get_or_init(|| tried(file, options)).as_ref().map_err(Clone::clone)?;
    let broken = scenario.steps.iter().filter_map(role).find_map(|role| Some((role, problems.get(role)?)));
    match broken {
        None => Ok(()),
        Some((role, problem)) => Err(format!(
            "the role `{role}` does not work for one user alone: {problem}; `crosstalk doctor --target` shows more"
        )),
    }
}

/// Every role with which one user alone did not get what was expected, and what came.
fn tried(file: &Arc<ServerFile>, options: &Options) -> Result<BTreeMap<String, String>, String> {
    let cell = probe(file, options.destructive)?;
    let target = Target::Server(file.clone());
    let (front, promises) = (Front::Target(target.clone()), file.program.promises.clone());
    let options = &Options { mode: Mode::Socket, target, ..options.clone() };
    let (trace, took) = Setting { front, promises, alone: Some("alice") }.timed(&cell, options)?;
    let steps = &trace.facts.scenario.steps;
    let findings = oracles::judge_alone(&Index::new(&trace));
    let failed = findings.iter().filter_map(|finding| {
        let told = format!("{}, expected {}, received {}", finding.headline, finding.expected, finding.received);
        Some((role(steps.get(finding.step)?)?.to_owned(), told))
    });
    let quick = took.iter().filter_map(|(step, took)| {
        let slow = steps.get(*step).and_then(role) == Some("slow") && *took < SLOW;
        slow.then(|| ("slow".to_owned(), quick(*took)))
    });
    // What failed says more than that it was quick.
    Ok(quick.chain(failed).collect())
}

/// What is said of a slow role that is not slow.
pub(crate) fn quick(took: Duration) -> String {
    format!("it took {} ms, and {} are needed, so that an echo can overtake it", took.as_millis(), SLOW.as_millis())
}

/// The scenario in which every role is played once, in the newest revision that the server can be asked.
///
/// # Errors
/// That there is no such revision.
pub(crate) fn probe(file: &ServerFile, destructive: Destructive) -> Result<Cell, String> {
    let mut scenario = scenario::own("doctor/server.yaml", include_str!("trial.yaml"))?;
    let has_accounts = file.accounts();
    scenario.steps.retain(|step| match &step.action {
        Action::Send(_) => has_accounts && !file.program.unsupported.contains_key("authentication"),
        Action::Close { .. } => !file.program.unsupported.contains_key("sessions"),
        _ => role(step).is_none_or(|role| file.spares(role, destructive).is_none()),
    });
    for step in scenario.steps.iter_mut().filter(|step| !has_accounts && role(step) == Some("whoami")) {
        step.expect.iter_mut().for_each(|expect| expect.value = Expectation::Text(TextMatch::Any));
    }
    let cells = run::plan(&[Arc::new(scenario)], &Options::default()).into_iter().rev();
    let asked = |cell: &Cell| !file.program.unsupported.contains_key(&cell.revision.to_string());
    cells.into_iter().find(asked).ok_or_else(|| "this file supports no revision at all".to_owned())
}

/// The role that a step plays.
pub(crate) fn role(step: &Step) -> Option<&str> {
    match &step.action {
        Action::Request(request) => match &request.kind {
            RequestKind::Call { tool, .. } => Some(tool),
            _ => None,
        },
        Action::Send(send) => send.what.tool(),
        _ => None,
    }
}
