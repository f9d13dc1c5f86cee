//! Taps between real sockets: the reference hub behind one, its upstreams behind others, scenarios as the clients.
//!
//! The judge is given what a stranger's hub would give it: what passed, and who holds which key. It knows neither the
//! scenario nor the marks in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod files;
mod process;
mod traffic;

use std::fs;

use scenarios::{observe::judged::Outcome, oracles::Oracle, scenario::model::CredentialMode};
use traffic::{cells, cells_of, observe, scenarios};

#[test]
fn the_strict_hub_is_accused_of_nothing_in_any_scenario() {
    let mut apart = 0;
    for scenario in scenarios() {
        let Some(cell) = cells(&scenario, CredentialMode::PerUser).into_iter().next() else { continue };
        let observed = observe(&cell, None);
        assert_eq!(observed.failures(), [], "{}\n{}", scenario.id.value, observed.report());
        apart += usize::from(observed.judged.outcome() == Outcome::Apart);
    }
    assert!(apart > 50, "users were followed to an upstream in {apart} scenarios only");
}

#[test]
fn every_oracle_sees_something_of_the_strict_hub() {
    let observed = observe(&cells_of("seed/test-2-stateful-isolation", CredentialMode::PerUser)[0], None);
    for coverage in &observed.judged.coverage {
        assert!(coverage.judged > 0, "{coverage:?}");
    }
    assert_eq!(observed.judged.outcome(), Outcome::Apart);
}

#[test]
fn every_oracle_without_a_script_has_its_killer() {
    use CredentialMode::{None, PerUser, Shared};
    let killers = [
        ("mcphub-v2.1", "seed/test-2-stateful-isolation", PerUser, Oracle::ExclusiveSession, "one upstream session"),
        ("mcphub-v2.1", "seed/test-2-stateful-isolation", PerUser, Oracle::Identity, "alice acted on `db` with the"),
        ("upstream-sessions@process", "seed/test-2-stateful-isolation", Shared, Oracle::ExclusiveSession, "bob"),
        ("upstream-sessions@principal", "session/two-sessions-of-one-user", None, Oracle::ExclusiveSession, "alice"),
        (
            "upstream-credentials@process",
            "credential/own-credential-on-every-server",
            PerUser,
            Oracle::Identity,
            "had acted",
        ),
        (
            "without/forward-no-hub-token",
            "credential/hub-key-stays-in-the-hub",
            PerUser,
            Oracle::Identity,
            "the hub key of alice",
        ),
        (
            "read-cache@process",
            "cache/kept-lists-and-resources-are-each-keys-own",
            PerUser,
            Oracle::Leak,
            "received the answer",
        ),
        (
            "without/unguessable-session-ids",
            "session/session-ids-cannot-be-guessed",
            PerUser,
            Oracle::SessionIds,
            "can be guessed",
        ),
    ];
    for (isolation, id, mode, oracle, words) in killers {
        let cells = cells_of(id, mode);
        let observed: Vec<_> = cells.iter().map(|cell| observe(cell, Some(isolation))).collect();
        let found = observed.iter().flat_map(traffic::Observed::failures);
        let found: Vec<_> = found.filter(|(by, headline)| *by == oracle && headline.contains(words)).collect();
        assert!(!found.is_empty(), "{isolation} in {id}\n{}", observed[0].report());
        assert!(observed.iter().any(|observed| observed.judged.outcome() == Outcome::Crossed));
    }
}

#[test]
fn a_report_names_who_got_whose_and_draws_it() {
    let observed =
        observe(&cells_of("seed/test-2-stateful-isolation", CredentialMode::PerUser)[0], Some("mcphub-v2.1"));
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+", "<address>");
    settings.add_filter(r"session [0-9a-f]{6}", "session <id>");
    settings.add_filter(r"credential [0-9a-f]{6}", "credential <id>");
    settings.bind(|| insta::assert_snapshot!(observed.report()));
}

#[test]
fn no_secret_is_stored() {
    let observed =
        observe(&cells_of("seed/test-1-session-propagation", CredentialMode::PerUser)[0], Some("mcphub-v2.1"));
    let stored = fs::read_to_string(observed.file()).unwrap();
    assert!(observed.secrets.len() > 6, "{:?}", observed.secrets);
    for secret in &observed.secrets {
        assert!(!stored.contains(secret.as_str()), "{secret} is in:\n{stored}");
    }
    assert!(stored.contains("Bearer redacted-"));
}
