//! What a scenario file can have wrong, and what is said about it: a snapshot for each.

use std::{fmt::Write as _, sync::LazyLock};

use scenarios::{
    diagnostics::{Style, render, render_all},
    registry::Registry,
    scenario::{load, source::Source},
};

/// A file that is right; each case spoils it in one place.
const GOOD: &str = "\
scenario: bad/file
title: A title
bugs: [any-valid-token]
users: [alice, bob]
upstreams: [db]
steps:
  - call: db/echo
    as: alice
    with: { text: $canary }
    expect: { text: $canary }
";

/// The same for servers.
const SERVER: &str = "\
scenario: bad/file
title: A title
bugs: [any-valid-token]
users: [alice, bob]
upstreams: [server]
steps:
  - call: server/slow
    as: bob
    begun: slow
  - call: server/echo
    as: alice
    with: { value: $canary }
    expect: { text: $canary, before: slow }
  - await: slow
";

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::embedded);

fn told(text: &str) -> String {
    let source = Source { path: "cases/bad/file.yaml".into(), text: text.into() };
    match load(&source, &REGISTRY) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(problems) => render_all(&problems, Style { color: false, unicode: true }),
    }
}

#[test]
fn the_good_file_is_good() {
    assert_eq!(told(GOOD), "nothing is wrong");
}

#[test]
fn every_spoiled_file_is_told_with_place_and_remedy() {
    let spoiled: &[(&str, &str, &str)] = &[
        ("unknown key", "title:", "titel:"),
        ("bad indent", "    as: alice", "   as: alice"),
        ("key twice", "title: A title", "title: A title\ntitle: Another"),
        ("wrong place", "scenario: bad/file", "scenario: bad/fiel"),
        ("no group", "scenario: bad/file", "scenario: file"),
        ("unknown bug", "any-valid-token", "any-valid-tocken"),
        ("no bug", "[any-valid-token]", "[]"),
        ("unknown clause", "users: [alice, bob]", "clauses: [SESS-999]\nusers: [alice, bob]"),
        ("undefined user", "as: alice", "as: alcie"),
        ("undefined client", "as: alice", "as: alice.phone"),
        ("name taken", "users: [alice, bob]", "users: [alice, hub-service]"),
        ("no user", "[alice, bob]", "[]"),
        ("unknown fake", "upstreams: [db]", "upstreams: [bd]"),
        ("undefined upstream", "call: db/echo", "call: github/whoami"),
        ("unknown tool", "db/echo", "db/ecko"),
        ("tool without upstream", "db/echo", "echo"),
        ("unknown verb", "call: db/echo", "cal: db/echo"),
        ("two verbs", "    as: alice", "    as: alice\n    list: db"),
        ("nobody acts", "    as: alice\n", ""),
        ("unknown field of a verb", "    as: alice", "    as: alice\n    helt: a"),
        ("unknown expectation", "expect: { text", "expect: { txt"),
        ("expectation of another verb", "expect: { text: $canary }", "expect: { sessions: { opened: 1 } }"),
        ("unknown refusal", "expect: { text: $canary }", "expect: { refused: unauthorised }"),
        ("status out of range", "expect: { text: $canary }", "expect: { status: 42 }"),
        ("unknown fault", "    as: alice", "    as: alice\n    fault: { malform: upside-down }"),
        ("held for ever", "    as: alice", "    as: alice\n    held: a"),
        ("undefined label", "  - call", "  - release: [a]\n  - call"),
        ("clock without need", "  - call", "  - advance-clock: 3s\n  - call"),
        ("no duration", "  - call", "  - advance-clock: soon\n  - call"),
        ("shared github", "upstreams: [db]", "upstreams: [db, github]\nneeds: [routes]\ncredentials: [shared]"),
        ("several upstreams without need", "upstreams: [db]", "upstreams: [db, github]"),
        ("canary of a stranger", "with: { text: $canary }", "with: { text: $canary(carol) }"),
        ("an anchor", "users: [alice, bob]", "users: &them [alice, bob]"),
        ("a text where a list is", "steps:", "steps: none\nstep:"),
        ("bad request id", "    as: alice", "    as: alice\n    id: [1]"),
    ];
    assert_ne!(told(""), "nothing is wrong");
    insta::assert_snapshot!(told_of_each(GOOD, spoiled));
}

/// What is said of a good file, spoiled in each of these ways.
fn told_of_each(good: &str, spoiled: &[(&str, &str, &str)]) -> String {
    let mut all = String::new();
    for (name, from, to) in spoiled {
        assert!(good.contains(from), "{name}");
        let said = told(&good.replacen(from, to, 1));
        assert_ne!(said, "nothing is wrong", "{name}");
        // Writing to a string cannot fail.
        let _ = writeln!(all, "## {name}\n\n{said}\n");
    }
    all
}

#[test]
fn every_spoiled_file_for_servers_is_told_with_place_and_remedy() {
    assert_eq!(told(SERVER), "nothing is wrong");
    let spoiled: &[(&str, &str, &str)] = &[
        ("held at a server", "begun: slow", "held: slow"),
        ("counted behind a server", "before: slow", "executed: 1"),
        ("unknown role", "server/echo", "server/ecko"),
        ("role without its value", "    with: { value: $canary }\n", ""),
        ("value for a role that takes none", "    as: bob", "    as: bob\n    with: { value: $canary }"),
        ("before what was never begun", "before: slow", "before: fast"),
        ("a fake beside the server", "upstreams: [server]", "upstreams: [server, db]\nneeds: [routes]"),
        ("a third user", "users: [alice, bob]", "users: [alice, bob, carol]"),
        ("account without need", "text: $canary", "text: $account"),
        ("unknown answer", "text: $canary, before: slow", "answered: somehow"),
        ("unknown need", "steps:", "needs: [acounts]\nsteps:"),
    ];
    insta::assert_snapshot!(told_of_each(SERVER, spoiled));
    let behind_a_hub = GOOD.replacen("    as: alice", "    as: alice\n    begun: early", 1);
    assert!(told(&behind_a_hub).contains("S081"), "{}", told(&behind_a_hub));
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_file_with_a_piece_cut_out_is_told_within_its_bounds(start in 0_usize..GOOD.len(), length in 0_usize..40) {
            let end = (start + length).min(GOOD.len());
            let text = format!("{}{}", &GOOD[..start], &GOOD[end..]);
            let source = Source { path: "cases/bad/file.yaml".into(), text: text.as_str().into() };
            if let Err(problems) = load(&source, &REGISTRY) {
                for problem in problems {
                    prop_assert!(problem.labels.iter().all(|label| label.span.start <= text.len()), "{problem:?}");
                    render(&problem, Style::default());
                }
            }
        }
    }
}
