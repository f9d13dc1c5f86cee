//! Which bug classes of the registry a finding looks like: a guess, so that a reader knows where to begin.

use crate::{
    oracles::{Finding, Kind, Oracle},
    scenario::model::{Action, Expectation, Refusal, RequestKind, Scenario, Step},
};

/// No more classes than these are named.
const MOST: usize = 3;

/// The classes that these findings look like, the likeliest first; never empty.
pub fn bugs(scenario: &Scenario, findings: &[Finding]) -> Vec<String> {
    let mut classes: Vec<&str> = Vec::new();
    for finding in findings {
        let class = class(scenario, finding);
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    if classes.is_empty() {
        classes.push("second-client-crashes-hub");
    }
    classes.into_iter().take(MOST).map(str::to_owned).collect()
}

fn class(scenario: &Scenario, finding: &Finding) -> &'static str {
    let step = scenario.steps.get(finding.step);
    match finding.oracle {
        Oracle::ExclusiveSession if finding.kind == Kind::Loss => "upstream-session-slot-shared",
        Oracle::ExclusiveSession if within_one_user(finding) => "same-user-sessions-merged",
        Oracle::ExclusiveSession => "one-upstream-session-for-all",
        Oracle::Leak => of_leak(step),
        Oracle::Secrets if finding.headline.contains("log") => "secrets-in-log",
        Oracle::Secrets => "secrets-in-error",
        Oracle::Identity if finding.headline.contains("credential") => "any-valid-token",
        Oracle::Identity => "global-current-user",
        Oracle::Correlation => of_correlation(scenario, finding),
        Oracle::Audience => "progress-token-collision",
        Oracle::RequestStates => "request-state-not-bound",
        Oracle::Headers => "headers-not-checked",
        Oracle::Refusal => of_refusal(step, finding),
        Oracle::SessionIds => "session-id-not-bound-to-user",
        Oracle::Serialized => "head-of-line-call",
        Oracle::Expectation | Oracle::Noninterference => of_expectation(step, finding),
    }
}

fn within_one_user(finding: &Finding) -> bool {
    let user = |name: &str| name.split([' ', '.']).next().unwrap_or_default().to_owned();
    finding.crossing.as_ref().is_some_and(|crossing| user(&crossing.owner) == user(&crossing.reached))
}

fn of_leak(step: Option<&Step>) -> &'static str {
    match step.map(|step| &step.action) {
        Some(Action::Request(request)) => match request.kind {
            RequestKind::List { .. } => "tool-list-cache-shared",
            RequestKind::Read { .. } => "result-cache-omits-caller",
            _ => "one-upstream-session-for-all",
        },
        Some(Action::Send(_)) => "session-id-not-bound-to-user",
        _ => "id-map-overwritten-across-clients",
    }
}

fn of_correlation(scenario: &Scenario, finding: &Finding) -> &'static str {
    if finding.headline.contains(" times on ") {
        return "side-effect-retried";
    }
    let given_up = |step: &Step| matches!(step.action, Action::Cancel(_) | Action::Drop(_) | Action::AdvanceClock(_));
    if scenario.steps.iter().any(given_up) {
        "late-answer-shifts-the-stream"
    } else {
        "id-map-overwritten-across-clients"
    }
}

fn of_refusal(step: Option<&Step>, finding: &Finding) -> &'static str {
    if finding.headline.contains("can tell") {
        return "owner-check-degrades";
    }
    let refusal = step.and_then(|step| {
        step.expect.iter().find_map(|expectation| match expectation.value {
            Expectation::Refused(refusal) => Some(refusal),
            _ => None,
        })
    });
    match refusal {
        Some(Refusal::MissingSession) => "missing-session-id-uses-live-one",
        Some(Refusal::Unauthorized) => "any-valid-token",
        Some(Refusal::NotLinked) => "shared-env-credential",
        Some(Refusal::OverLimit) => "cap-evicts-strangers",
        Some(Refusal::DuplicateId) => "duplicate-id-in-flight",
        Some(Refusal::Forbidden) => "list-filtered-call-open",
        Some(Refusal::LikeUnknownState) => "request-state-not-bound",
        Some(Refusal::LikeUnknownHandle) => "object-handle-not-owned",
        Some(Refusal::HeaderMismatch) => "headers-not-checked",
        Some(Refusal::MissingCapability) => "capability-of-another-request",
        Some(Refusal::UnsupportedVersion | Refusal::MissingMeta | Refusal::UnknownMethod) => "era-decided-by-sight",
        Some(Refusal::LikeUnknownSession) | None => "session-id-not-bound-to-user",
    }
}

fn of_expectation(step: Option<&Step>, finding: &Finding) -> &'static str {
    if finding.headline.contains("stood behind") {
        return "head-of-line-call";
    }
    match step.map(|step| &step.action) {
        Some(Action::Cancel(_)) => "cancel-not-translated",
        Some(Action::Census { .. }) => "nothing-is-ever-reaped",
        Some(Action::Await(_)) => "queued-for-next-client",
        Some(Action::Request(request)) if request.progress.is_some() => "progress-token-collision",
        _ if finding.kind == Kind::Interference && finding.received.contains("limit") => "cap-evicts-strangers",
        _ if finding.kind == Kind::Interference => "shared-breaker",
        _ => "upstream-session-slot-shared",
    }
}
