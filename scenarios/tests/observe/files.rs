//! Observation files and recordings that are wrong, and what is told of them.

use std::{fmt::Write as _, fs, process::Command};

use scenarios::{
    diagnostics::{Style, render_all},
    observe::load,
    scenario::source::Source,
};

/// A file that is right; each case spoils it in one place.
const GOOD: &str = "\
hub: http://127.0.0.1:9000/mcp
upstreams:
  db: http://127.0.0.1:9001/mcp
users:
  by: authorization
  names: { alice: ALICE_KEY, bob: [BOB_KEY, BOB_KEY_2] }
credentials:
  db: { alice: ALICE_DB, hub: HUB_DB }
promises: { sharing: per-session, credentials: per-user }
listen: { hub: 9100, db: 9101 }
";

fn told(text: &str) -> String {
    let source = Source { path: "observe.yaml".into(), text: text.into() };
    let environment = |name: &str| match name {
        "SHORT" => Some("abc".to_owned()),
        "UNSET" => None,
        "ALICE_KEY" | "SAME" => Some("alice-key-1".to_owned()),
        other => Some(format!("value-of-{other}")),
    };
    match load::load(&source, &environment) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(problems) => render_all(&problems, Style { color: false, unicode: true }),
    }
}

#[test]
fn every_spoiled_observation_file_is_told_with_place_and_remedy() {
    assert_eq!(told(GOOD), "nothing is wrong");
    let spoiled = [
        ("unknown key", "promises:", "promisses:"),
        ("secure", "http://127.0.0.1:9000", "https://hub.example"),
        ("no url", "http://127.0.0.1:9001/mcp", "127.0.0.1:9001"),
        ("a query", "9001/mcp", "9001/mcp?key=1"),
        ("called hub", "  db: http", "  hub: http"),
        ("no upstream", "\n  db: http://127.0.0.1:9001/mcp", " {}"),
        ("unknown way", "by: authorization", "by: authorisation"),
        ("names without keys", "by: authorization", "by: session"),
        ("a person called hub", "{ alice: ALICE_KEY", "{ hub: ALICE_KEY"),
        ("one key of two", "[BOB_KEY,", "[SAME,"),
        ("a key in the file", "ALICE_KEY", "alice-key-1"),
        ("not set", "ALICE_KEY", "UNSET"),
        ("too short", "ALICE_KEY", "SHORT"),
        ("unknown upstream", "\n  db: { alice", "\n  bd: { alice"),
        ("unknown user", "{ alice: ALICE_DB", "{ alcie: ALICE_DB"),
        ("unknown level", "per-session", "per-sesion"),
        ("no port", "9101", "99101"),
        ("one port twice", "9101", "9100"),
    ];
    let mut all = String::new();
    for (what, good, bad) in spoiled {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD, "{what}: nothing was spoiled");
        writeln!(all, "== {what}\n{}\n", told(&text)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_cannot_be_followed_is_told_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("there.ndjson"), "{\"crosstalk-observed\":1}\n{\n{}\n").unwrap();
    let live = ["observe", "--hub", "http://127.0.0.1:1", "--upstream", "db=http://127.0.0.1:1", "--for", "100ms"];
    let observe = |more: &[&str]| [&live[..], more].concat().join(" ");
    let cases = [
        observe(&["--out", "there.ndjson"]),
        observe(&["--draft", "draft.yaml"]),
        observe(&["--upstream", "db=http://127.0.0.1:2"]),
        observe(&["--upstream", "db"]),
        "observe".to_owned(),
        "judge nowhere.ndjson".to_owned(),
        "judge there.ndjson".to_owned(),
    ];
    let mut all = String::new();
    for case in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
        command.current_dir(folder.path()).args(case.split(' ')).env("LC_ALL", "C.UTF-8");
        let output = command.output().unwrap();
        let (code, said) = (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap());
        writeln!(all, "== {case}\nexit code {code}\n{said}").unwrap();
        assert!(output.stdout.is_empty(), "{case}: {}", String::from_utf8_lossy(&output.stdout));
    }
    insta::assert_snapshot!(all);
}
