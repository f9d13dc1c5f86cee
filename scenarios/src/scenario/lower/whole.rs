//! What only shows when all steps are known: labels, canaries, needs.

use std::collections::BTreeMap;

use super::{
    super::{
        canary,
        model::{Action, Actor, Label, Limits, Need, RequestKind, Scenario, StateChoice},
        source::{Span, Spanned},
    },
    Lowering,
};

impl Lowering<'_> {
    pub(super) fn whole(&mut self, scenario: &Scenario) {
        self.labels(scenario);
        self.streams(scenario);
        self.kept(scenario);
        self.states(scenario);
        self.eras_of_steps(scenario);
        self.canaries(scenario);
        self.needs(scenario);
        self.server(scenario);
    }

    /// Every label is held once before it is used, let go, and its answer taken once, unless its
    /// client gave it up.
    fn labels(&mut self, scenario: &Scenario) {
        let mut held: BTreeMap<&str, Uses> = BTreeMap::new();
        for step in &scenario.steps {
            match &step.action {
                Action::Request(request) => {
                    let Some(label) = request.label() else { continue };
                    if let (Some(held), Some(asked)) = (&request.held, &request.asked)
                        && held.value != asked.value
                    {
                        self.wrong(
                            "S078",
                            asked.span,
                            format!("one call has one label, and it is held as `{}`", held.value),
                        );
                    }
                    let uses = Uses { released: usize::from(request.held.is_none()), ..Uses::new(label.span) };
                    if held.insert(&label.value, uses).is_some() {
                        self.wrong("S070", label.span, format!("the label `{}` is taken", label.value));
                    }
                }
                Action::Release { labels, .. } => {
                    for label in labels {
                        self.used(&mut held, label, |uses| uses.released += 1);
                    }
                }
                Action::Answer { call, .. } => self.used(&mut held, call, |_| {}),
                Action::Open { stream, .. } => drop(held.insert(&stream.value, Uses::of_stream(stream.span))),
                Action::Await(label) => self.used(&mut held, label, |uses| uses.taken += 1),
                Action::Cancel(label) | Action::Drop(label) => self.used(&mut held, label, |uses| uses.given_up += 1),
                _ => {}
            }
        }
        let expected_to_fail = moves_clock(scenario);
        // A stream need not be let go, and its end need not be waited for.
        for (label, uses) in held.into_iter().filter(|(_, uses)| !uses.stream) {
            if uses.given_up == 0 && uses.released == 0 && !expected_to_fail {
                self.wrong_help(
                    "S072",
                    uses.span,
                    format!("`{label}` is held and never let go"),
                    format!("add `- release: [{label}]`"),
                );
            }
            if uses.given_up == 0 && uses.taken == 0 {
                self.wrong_help(
                    "S073",
                    uses.span,
                    format!("nobody takes the answer of `{label}`"),
                    format!("add `- await: {label}`"),
                );
            }
            if uses.taken > 1 {
                self.wrong("S074", uses.span, format!("the answer of `{label}` is taken {} times", uses.taken));
            }
        }
    }

    /// A stream, or a call that goes on when its client was asked, stands before it is waited for or gone on after.
    fn streams(&mut self, scenario: &Scenario) {
        let mut known: Vec<&str> = Vec::new();
        for step in &scenario.steps {
            let (used, opened) = match &step.action {
                Action::Request(request) => (None, request.asked.as_ref()),
                Action::Open { stream, after, .. } => (after.as_ref(), Some(stream)),
                Action::WaitFor(label) => (Some(label), None),
                _ => continue,
            };
            if let Some(label) = used
                && !known.contains(&label.value.as_str())
            {
                self.unknown("S077", label, "stream", &known);
            }
            known.extend(opened.map(|label| label.value.as_str()));
        }
    }

    /// A request state is presented of a call that was asked something before.
    fn states(&mut self, scenario: &Scenario) {
        let mut asked: Vec<&str> = Vec::new();
        for step in &scenario.steps {
            let state = match &step.action {
                Action::Request(request) => request.state.as_ref(),
                Action::Answer { state, .. } => Some(state),
                _ => None,
            };
            if let Some(StateChoice::Of(label) | StateChoice::FirstOf(label)) = state
                && !asked.contains(&label.value.as_str())
            {
                self.unknown("S071", label, "call that was asked", &asked);
            }
            if let Action::Request(request) = &step.action {
                asked.extend(request.asked.as_ref().map(|label| label.value.as_str()));
            }
        }
    }

    /// A cursor or handle is kept before it is used.
    fn kept(&mut self, scenario: &Scenario) {
        let mut kept: Vec<&str> = Vec::new();
        for step in &scenario.steps {
            if let Action::Open { filter: Some(filter), .. } = &step.action {
                self.handed_in(&filter.tasks.concat(), step.span, &kept);
            }
            let Action::Request(request) = &step.action else { continue };
            if let RequestKind::List { after: Some(after), .. } = &request.kind
                && !kept.contains(&after.value.as_str())
            {
                self.unknown("S071", after, "kept cursor", &kept);
            }
            if let RequestKind::Call { arguments, .. } | RequestKind::Task { arguments, .. } = &request.kind {
                self.handed_in(&serde_json::to_string(arguments).unwrap_or_default(), step.span, &kept);
            }
            kept.extend(request.keep.as_ref().map(|label| label.value.as_str()));
        }
    }

    fn handed_in(&mut self, text: &str, span: Span, kept: &[&str]) {
        for label in canary::handed_in(text).iter().filter(|label| !kept.contains(&label.as_str())) {
            self.unknown("S071", &Spanned::new(label.clone(), span), "kept handle", kept);
        }
    }

    fn used(&mut self, held: &mut BTreeMap<&str, Uses>, label: &Label, note: impl FnOnce(&mut Uses)) {
        match held.get_mut(label.value.as_str()) {
            Some(uses) => note(uses),
            None => {
                let known: Vec<&str> = held.keys().copied().collect();
                self.unknown("S071", label, "held call", &known);
            }
        }
    }

    /// A form names somebody who takes part.
    fn canaries(&mut self, scenario: &Scenario) {
        let text = scenario.source.text.clone();
        for (named, _) in canary::forms(&text) {
            let Some(Actor { user, client }) = named else { continue };
            let known = scenario.users.get(&user).is_some_and(|u| u.clients.contains_key(&client));
            if !known {
                let form = format!("$canary({user}");
                let start = text.find(&form).unwrap_or_default();
                let span = Span { start, end: start + form.len() };
                let names: Vec<&str> = scenario.users.keys().map(String::as_str).collect();
                self.unknown("S075", &Spanned::new(user, span), "user", &names);
            }
        }
    }

    fn needs(&mut self, scenario: &Scenario) {
        let has = |need| scenario.needs.iter().any(|n| n.value == need);
        let missing = |lowering: &mut Self, need, name: &str, span, why: &str| {
            if !has(need) {
                lowering.wrong_help("S076", span, format!("{why} needs `{name}`"), format!("add `needs: [{name}]`"));
            }
        };
        if let Some(step) = scenario.steps.iter().find(|step| matches!(step.action, Action::AdvanceClock(_))) {
            missing(self, Need::Clock, "clock", step.span, "moving the clock");
        }
        if let Some(step) = scenario.steps.iter().find(|step| matches!(step.action, Action::Restart)) {
            missing(self, Need::Restart, "restart", step.span, "starting a target again");
        }
        if let Some(step) = scenario.steps.iter().find(|step| matches!(step.action, Action::Revoke(_))) {
            missing(self, Need::Revoke, "revoke", step.span, "taking a key away");
        }
        let of_the_hub = Limits { cache: None, cache_hints: None, cache_public: false, ..scenario.limits };
        if scenario.limits.cache.or(scenario.limits.cache_hints).is_some() {
            missing(self, Need::Cache, "cache", scenario.id.span, "a cache");
        }
        if let Some(user) = scenario.users.values().find(|user| user.servers.is_some() || !user.tools.is_empty()) {
            missing(self, Need::Rights, "rights", user.span, "a user who may not use everything");
        }
        let merged = scenario.steps.iter().find(|step| match &step.action {
            Action::Request(request) => request.via.is_some() || !scenario.upstreams.contains_key(&request.upstream),
            Action::Open { upstream, .. } => !scenario.upstreams.contains_key(upstream),
            Action::Send(send) => !scenario.upstreams.contains_key(&send.upstream),
            _ => false,
        });
        if let Some(step) = merged {
            missing(self, Need::Groups, "groups", step.span, "a route of several upstreams");
        }
        if of_the_hub != Limits::default() {
            missing(self, Need::Limits, "limits", scenario.id.span, "a scenario with limits");
        }
        let many_keys = scenario.users.values().find(|user| {
            let mut keys: Vec<&String> = user.clients.values().collect();
            keys.sort_unstable();
            keys.dedup();
            keys.len() > 1
        });
        if let Some(user) = many_keys {
            missing(self, Need::Keys, "keys", user.span, "a user with several keys");
        }
        if scenario.upstreams.len() > 1 {
            missing(self, Need::Routes, "routes", scenario.id.span, "a scenario with several upstreams");
        }
    }
}

struct Uses {
    span: Span,
    released: usize,
    taken: usize,
    given_up: usize,
    stream: bool,
}

impl Uses {
    fn new(span: Span) -> Self {
        Self { span, released: 0, taken: 0, given_up: 0, stream: false }
    }

    fn of_stream(span: Span) -> Self {
        Self { stream: true, ..Self::new(span) }
    }
}

/// Where the clock moves, a held call may end by itself.
fn moves_clock(scenario: &Scenario) -> bool {
    scenario.steps.iter().any(|step| matches!(step.action, Action::AdvanceClock(_)))
}
