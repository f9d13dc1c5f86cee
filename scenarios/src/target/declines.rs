//! Which cells a hub or a server is not asked, and why: what it cannot do is not applicable, never silently green.

use super::{
    file::{HubFile, Program, ServerFile, words},
    trial,
};
use crate::{
    run::{Cell, options::Destructive},
    scenario::model::{
        Action, Era, Expectation, ListKind, Need, Reference, Refusal, RequestKind, Scenario, ServiceCredential,
        SessionChoice, TokenChoice,
    },
    trace::facts::State,
};

impl HubFile {
    /// The reason why the cell is not applicable; `None` where it is played.
    pub fn declines(&self, cell: &Cell) -> Option<String> {
        if let Some(reason) = self.program.excludes(&cell.scenario) {
            return Some(reason);
        }
        let needs = cell.scenario.needs.iter().map(|need| need_name(need.value));
        for need in needs {
            if let Some(reason) = self.program.unsupported.get(need) {
                return Some(format!("needs `{need}`: {reason}"));
            }
            if !self.supports.iter().any(|name| name == need) {
                return Some(format!("needs `{need}`, which the target file does not list under `supports`"));
            }
        }
        if cell.scenario.upstreams.keys().any(|upstream| cell.scenario.is_child(upstream)) {
            return Some("its upstream is a child process, which a target file cannot describe".to_owned());
        }
        if let Some(pair) = cell.pair.capability()
            && let Some(reason) = self.lacks_pair(pair)
        {
            return Some(reason);
        }
        let revision = (cell.pair.client == Era::Stateful).then(|| cell.revision.to_string());
        let wanted = [Some(cell.credentials.to_string()), revision];
        let wanted = wanted.iter().flatten().map(String::as_str).chain(features(&cell.scenario));
        self.program.lacks(wanted)
    }
}

impl HubFile {
    fn lacks_pair(&self, pair: &str) -> Option<String> {
        if let Some(reason) = self.program.unsupported.get(pair) {
            return Some(format!("needs `{pair}`: {reason}"));
        }
        let listed = self.supports.iter().any(|name| name == pair);
        (!listed).then(|| {
            format!("needs `{pair}` (clients/upstreams), which the target file does not list under `supports`")
        })
    }
}

impl Program {
    fn excludes(&self, scenario: &Scenario) -> Option<String> {
        let (_, reason) = self.excluded.iter().find(|(pattern, _)| pattern.is_match(&scenario.id.value))?;
        Some(format!("excluded: {reason}"))
    }

    /// The first of these capabilities that it does not have, with the reason.
    fn lacks<'n>(&self, mut wanted: impl Iterator<Item = &'n str>) -> Option<String> {
        wanted.find_map(|name| Some(format!("needs `{name}`: {}", self.unsupported.get(name)?)))
    }
}

impl ServerFile {
    /// The reason why the cell is not applicable; `None` where it is played.
    pub fn declines(&self, cell: &Cell, destructive: Destructive) -> Option<String> {
        let scenario = &cell.scenario;
        if !scenario.is_for_servers() {
            return Some("it needs a hub, and this target is a server".to_owned());
        }
        let roles = scenario.steps.iter().filter_map(trial::role);
        let revision = cell.revision.to_string();
        let wanted = [revision.as_str()].into_iter().chain(features(scenario));
        let needs = scenario.needs.iter().filter_map(|need| self.misses(need.value)).next();
        let excluded = self.program.excludes(scenario).or(needs);
        excluded
            .or_else(|| roles.filter_map(|role| self.spares(role, destructive)).next())
            .or_else(|| self.program.lacks(wanted))
    }

    /// Whether it has accounts; otherwise sessions are the users.
    pub fn accounts(&self) -> bool {
        !self.program.tokens.is_empty()
    }

    /// Why a role is not played; `None` where it is.
    pub fn spares(&self, role: &str, destructive: Destructive) -> Option<String> {
        let mapped = self.program.promises.server.as_ref().is_some_and(|server| server.roles.contains_key(role));
        if !mapped {
            return Some(format!("needs the role `{role}`, which the target file does not map"));
        }
        let spared = destructive == Destructive::Spared && self.destructive.contains(role);
        spared.then(|| format!("the role `{role}` changes something for good; `--allow-destructive` plays it"))
    }

    fn misses(&self, need: Need) -> Option<String> {
        let state = self.program.promises.server.as_ref().and_then(|server| server.state);
        match need {
            Need::Accounts if !self.accounts() => {
                Some("needs `accounts`, and the target file names none: there sessions are the users".to_owned())
            }
            Need::SessionState if state != Some(State::Session) => {
                Some("needs `state: session`, which the target file does not promise".to_owned())
            }
            Need::AccountState if state != Some(State::Account) => {
                Some("needs `state: account`, which the target file does not promise".to_owned())
            }
            _ => None,
        }
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
        Need::Restart => "restart",
        Need::Revoke => "revoke",
        Need::Accounts => "accounts",
        Need::SessionState => "session-state",
        Need::AccountState => "account-state",
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
                | RequestKind::Task { .. }
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
        | Action::Restart
        | Action::Revoke(_)
        | Action::Census { .. } => Vec::new(),
    }
}
