//! What a scenario for servers may ask: a server is the target itself, so nothing is held, spoiled or counted behind it.

use super::{
    super::{
        canary, grammar,
        model::{Action, Expectation, Need, Request, RequestKind, Scenario, Step, Upstream},
        source::{Span, Spanned},
    },
    Lowering,
};

/// Whom a target file of a server gives accounts to.
const USERS: [&str; 2] = ["alice", "bob"];

impl Lowering<'_> {
    pub(super) fn server(&mut self, scenario: &Scenario) {
        if !scenario.is_for_servers() {
            for step in &scenario.steps {
                self.of_servers_alone(step);
            }
            return;
        }
        self.alone(scenario);
        self.accounts(scenario);
        let mut begun: Vec<&str> = Vec::new();
        for step in &scenario.steps {
            if let Some((what, help)) = behind(step) {
                let message = format!("{what} behind a server, which is asked directly");
                self.wrong_help("S080", step.span, message, help);
            }
            for expectation in &step.expect {
                if let Expectation::Before(label) = &expectation.value
                    && !begun.contains(&label.as_str())
                {
                    let known = Spanned::new(label.clone(), expectation.span);
                    self.unknown("S071", &known, "begun call", &begun);
                }
            }
            if let Action::Request(request) = &step.action {
                begun.extend(request.begun.as_ref().map(|label| label.value.as_str()));
                self.value(request, step.span);
            }
        }
    }

    /// Words that mean nothing where fakes stand behind a hub.
    fn of_servers_alone(&mut self, step: &Step) {
        let Action::Request(Request { begun: Some(begun), .. }) = &step.action else { return };
        let help = "with `upstreams: [server]`; behind a hub, `held` keeps a call at its fake";
        self.wrong_help("S081", begun.span, "`begun` is for servers", help);
    }

    /// One server, and users who have accounts there.
    fn alone(&mut self, scenario: &Scenario) {
        if scenario.upstreams.len() > 1 || !scenario.upstreams.contains_key(Upstream::SERVER) {
            let help = "write `upstreams: [server]`";
            self.wrong_help("S082", scenario.id.span, "a server is the only upstream, and is called `server`", help);
        }
        for (name, user) in &scenario.users {
            if !USERS.contains(&name.as_str()) {
                self.unknown("S083", &Spanned::new(name.clone(), user.span), "user", &USERS);
            }
        }
    }

    /// Who speaks of accounts says that they are needed.
    fn accounts(&mut self, scenario: &Scenario) {
        let has = |need| scenario.needs.iter().any(|known| known.value == need);
        let of_an_account = scenario.source.text.contains(canary::ACCOUNT);
        let many = scenario.users.values().any(|user| user.clients.len() > 1);
        if (of_an_account || many || has(Need::AccountState)) && !has(Need::Accounts) {
            let message = "two clients of a user, `$account` and `account-state` need `accounts`";
            self.wrong_help("S076", scenario.id.span, message, "add `needs: [accounts]`");
        }
    }

    /// A role takes a value or none.
    fn value(&mut self, request: &Request, span: Span) {
        let RequestKind::Call { tool, arguments } = &request.kind else { return };
        let takes = grammar::ROLES.iter().any(|(role, takes, _)| role == tool && *takes);
        let given = arguments.get("value").is_some_and(serde_json::Value::is_string);
        let fits = if takes { given && arguments.len() == 1 } else { arguments.is_empty() };
        if !fits {
            let (message, help) = if takes {
                (format!("`{tool}` takes one value"), "write `with: { value: $canary }`")
            } else {
                (format!("`{tool}` takes nothing"), "leave `with` out")
            };
            self.wrong_help("S084", span, message, help);
        }
    }
}

/// What of a step can only be done where a fake stands behind the target.
fn behind(step: &Step) -> Option<(&'static str, &'static str)> {
    let nobody_holds = ("nobody holds a call", "`begun: x` goes on as soon as the call was sent");
    let of_action = match &step.action {
        Action::Request(request) if request.held.is_some() || request.asked.is_some() => Some(nobody_holds),
        Action::Request(request) if request.fault.is_some() => Some(("nobody spoils an answer", "leave `fault` out")),
        Action::Request(request) if request.via.is_some() => Some(("there is no route", "leave `via` out")),
        Action::Release { .. } | Action::Answer { .. } => Some(nobody_holds),
        Action::Census { .. } => Some(("nobody counts", "leave `census` out")),
        Action::Batch { .. } => Some(("roles are called one by one", "write `call`")),
        Action::AdvanceClock(_) => Some(("nobody moves the clock", "leave `advance-clock` out")),
        _ => None,
    };
    let counted = step.expect.iter().any(|expectation| {
        matches!(expectation.value, Expectation::Executed(_) | Expectation::Canceled(_) | Expectation::Sessions { .. })
    });
    of_action.or(counted.then_some(("nobody counts", "expect what comes to the client")))
}
