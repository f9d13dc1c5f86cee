//! What an era has: a stateless client has no session to end, a stateful one no request state.

use super::{
    super::{
        model::{Action, Actor, Era, Expectation, Refusal, Scenario, StateChoice, Step},
        source::Span,
    },
    Lowering,
};

impl Lowering<'_> {
    pub(super) fn eras_of_steps(&mut self, scenario: &Scenario) {
        if scenario.is_for_servers() {
            return;
        }
        for step in &scenario.steps {
            let Some(actor) = actor(scenario, step) else { continue };
            let speaks = |era| scenario.eras.iter().any(|pair| scenario.era_of(&actor.user, *pair) == era);
            if let Some((what, span)) = of_sessions(step).filter(|_| speaks(Era::Stateless)) {
                let help = "leave pairs with `stateless` clients out of `eras`, or give the user `era: stateful`";
                self.wrong_help("S090", span, format!("a stateless client has no {what}"), help);
            }
            if let Some((what, span)) = of_requests(step).filter(|_| speaks(Era::Stateful)) {
                let help = "write `eras: stateless-clients`, or give the user `era: stateless`";
                self.wrong_help("S091", span, format!("a stateful client has no {what}"), help);
            }
        }
    }
}

/// Who acts, where the step says so by itself or by the label of a call.
fn actor<'s>(scenario: &'s Scenario, step: &'s Step) -> Option<&'s Actor> {
    match &step.action {
        Action::Request(request) => Some(&request.actor),
        Action::Send(send) => Some(&send.actor),
        Action::Batch { actor, .. } | Action::Close { actor, .. } | Action::Open { actor, .. } => Some(actor),
        Action::Answer { actor: Some(actor), .. } => Some(actor),
        Action::Answer { call, .. } => scenario.called(&call.value).map(|request| &request.actor),
        _ => None,
    }
}

/// What of a step only a client with a session can do.
fn of_sessions(step: &Step) -> Option<(&'static str, Span)> {
    let of_action = match &step.action {
        Action::Batch { .. } => Some("batch"),
        Action::Close { .. } => Some("session to close"),
        Action::Open { after: Some(_), .. } => Some("stream that goes on where it broke"),
        _ => None,
    };
    let refused = step.expect.iter().find(|expectation| {
        matches!(expectation.value, Expectation::Refused(Refusal::LikeUnknownSession | Refusal::MissingSession))
    });
    of_action.map(|what| (what, step.span)).or(refused.map(|refused| ("session that could be unknown", refused.span)))
}

/// What of a step only a client can do whose requests stand on their own.
fn of_requests(step: &Step) -> Option<(&'static str, Span)> {
    let presents = match &step.action {
        Action::Request(request) => request.state.is_some() || request.answering.is_some(),
        Action::Answer { state, .. } => *state != StateChoice::Own,
        _ => false,
    };
    let refused = step.expect.iter().find(|expectation| {
        matches!(
            expectation.value,
            Expectation::Refused(
                Refusal::LikeUnknownState
                    | Refusal::HeaderMismatch
                    | Refusal::MissingCapability
                    | Refusal::UnsupportedVersion
                    | Refusal::MissingMeta
                    | Refusal::UnknownMethod
            )
        )
    });
    let presents = presents.then_some(("request state to present", step.span));
    presents.or(refused.map(|refused| ("request that stands on its own", refused.span)))
}
