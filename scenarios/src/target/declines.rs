//! Which cells a hub is not asked, and why: what it cannot do is not applicable, never silently green.

use super::file::{HubFile, words};
use crate::{
    run::Cell,
    scenario::model::{
        Action, Expectation, ListKind, Need, Reference, Refusal, RequestKind, Scenario, ServiceCredential,
        SessionChoice, TokenChoice,
    },
};

impl HubFile {
    /// The reason why the cell is not applicable; `None` where it is played.
    pub fn declines(&self, cell: &Cell) -> Option<String> {
        let id = &cell.scenario.id.value;
        if let Some((_, reason)) = self.excluded.iter().find(|(pattern, _)| pattern.is_match(id)) {
            return Some(format!("excluded: {reason}"));
        }
        let needs = cell.scenario.needs.iter().map(|need| need_name(need.value));
        for need in needs {
            if let Some(reason) = self.unsupported.get(need) {
                return Some(format!("needs `{need}`: {reason}"));
            }
            if !self.supports.iter().any(|name| name == need) {
                return Some(format!("needs `{need}`, which the target file does not list under `supports`"));
            }
        }
        let wanted = [cell.credentials.to_string(), cell.revision.to_string()];
        let wanted = wanted.iter().map(String::as_str).chain(features(&cell.scenario));
        wanted.filter_map(|name| Some(format!("needs `{name}`: {}", self.unsupported.get(name)?))).next()
    }
}

fn need_name(need: Need) -> &'static str {
    match need {
        Need::Clock => "clock",
        Need::Limits => "limits",
        Need::Keys => "keys",
        Need::Routes => "routes",
        Need::Groups => "groups",
        Need::Rights => "rights",
        Need::Cache => "cache",
    }
}

/// What a scenario asks of any hub, in the words of [`words::EXPECTED`].
fn features(scenario: &Scenario) -> Vec<&'static str> {
    let mut features = Vec::new();
    if scenario.users.values().any(|user| !user.unlinked.is_empty()) {
        features.push("unlinked");
    }
    if scenario.upstreams.values().any(|upstream| upstream.service_credential == ServiceCredential::Present) {
        features.push("shared");
    }
    for step in &scenario.steps {
        features.extend(of_action(&step.action));
        for expectation in &step.expect {
            match expectation.value {
                Expectation::Refused(Refusal::Unauthorized) => features.push("authentication"),
                Expectation::Refused(Refusal::LikeUnknownSession | Refusal::MissingSession) => {
                    features.push("sessions");
                }
                _ => {}
            }
        }
    }
    debug_assert!(features.iter().all(|name| words::EXPECTED.iter().any(|(known, _)| known == name)));
    features
}

fn of_action(action: &Action) -> Vec<&'static str> {
    match action {
        Action::Request(request) => {
            let mut features = match &request.kind {
                RequestKind::Get { .. } | RequestKind::List { what: ListKind::Prompts, .. } => vec!["prompts"],
                RequestKind::Read { .. }
                | RequestKind::List { what: ListKind::Resources | ListKind::Templates, .. } => vec!["resources"],
                RequestKind::Complete { reference: Reference::Prompt(_), .. } => vec!["completions", "prompts"],
                RequestKind::Complete { reference: Reference::Template(_), .. } => vec!["completions", "resources"],
                RequestKind::Initialize
                | RequestKind::Ping
                | RequestKind::Call { .. }
                | RequestKind::List { what: ListKind::Tools, .. } => Vec::new(),
            };
            if request.progress.is_some() {
                features.push("progress");
            }
            if request.asked.is_some() {
                features.push("questions");
            }
            features
        }
        Action::Send(send) => {
            let mut features = Vec::new();
            if send.session != SessionChoice::Own {
                features.push("sessions");
            }
            if send.token != TokenChoice::Own {
                features.push("authentication");
            }
            features
        }
        Action::Batch { .. } => vec!["batches"],
        Action::Cancel(_) => vec!["cancel"],
        Action::Close { .. } => vec!["sessions"],
        Action::Open { .. } => vec!["streams"],
        Action::WaitFor(_)
        | Action::Answer { .. }
        | Action::Await(_)
        | Action::Release { .. }
        | Action::Drop(_)
        | Action::AdvanceClock(_)
        | Action::Census { .. } => Vec::new(),
    }
}
