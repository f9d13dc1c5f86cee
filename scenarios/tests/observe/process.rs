//! `crosstalk observe` as a process: what it says at the start, how it ends, what it leaves.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use scenarios::{
    observe::{judged::Outcome, plan::Plan},
    scenario::model::CredentialMode,
};

use tokio::sync::oneshot;

use crate::traffic::{self, cells_of};

/// The observation file of a plan, and the environment that holds its keys.
fn written(plan: &Plan) -> (String, Vec<(String, String)>) {
    let mut text = format!("hub: {}\nupstreams:\n", plan.hub.url());
    for (name, place) in &plan.upstreams {
        text.push_str(&format!("  {name}: {}\n", place.url()));
    }
    let keys = plan.people.names.iter().map(|(key, user)| (format!("KEY_OF_{}", user.to_uppercase()), key.clone()));
    text.push_str("users:\n  names:\n");
    for user in plan.people.names.values() {
        text.push_str(&format!("    {user}: KEY_OF_{}\n", user.to_uppercase()));
    }
    text.push_str(&format!("listen:\n  hub: {}\n", plan.hub.port));
    for (name, place) in &plan.upstreams {
        text.push_str(&format!("  {name}: {}\n", place.port));
    }
    (text, keys.collect())
}

/// Starts it and waits until it has said where its taps stand.
fn start(folder: &Path, plan: &Plan, more: &[&str]) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let (text, keys) = written(plan);
    fs::write(folder.join("observe.yaml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
    command.current_dir(folder).args(["observe", "--config", "observe.yaml"]).args(more).envs(keys);
    let mut child = command.env("LC_ALL", "C.UTF-8").stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("until") {
        assert!(out.read_line(&mut said).unwrap() > 0, "it ended: {said}");
    }
    (child, out, said)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn observed(folder: &Path, isolation: Option<&str>, end: Signal, more: &[&str]) -> (Option<i32>, String) {
    let cell = &cells_of("seed/test-2-stateful-isolation", CredentialMode::PerUser)[0];
    let mut ended = None;
    traffic::play(cell, isolation, async |plan: Plan, play: oneshot::Sender<()>, played| {
        let (mut child, mut out, mut said) = start(folder, &plan, more);
        play.send(()).unwrap();
        drop(played.await);
        signal(&child, end);
        out.read_to_string(&mut said).unwrap();
        ended = Some((child.wait().unwrap().code(), said));
    });
    ended.unwrap()
}

#[test]
fn it_ends_when_it_is_asked_to_and_leaves_a_recording_and_a_draft() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = observed(folder.path(), Some("mcphub-v2.1"), Signal::INT, &["--draft", "leaks/first.yaml"]);
    assert_eq!(code, Some(1), "{said}");
    for words in ["Clients  reach the hub at http://127.0.0.1:", "error[leak: exclusive-session]", "<-- here"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(said.lines().last().unwrap().contains(" exchanges observed: "), "{said}");
    let (judged, recording) = traffic::read(&folder.path().join("observed.ndjson"));
    assert_eq!((judged.outcome(), recording.end.unwrap().unrecorded), (Outcome::Crossed, 0));
    // The draft is a scenario like any other, and shows on the same hub what was seen.
    for (isolation, wanted) in [("strict", 0), ("mcphub-v2.1", 1)] {
        let mut run = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
        run.current_dir(folder.path()).args(["run", "leaks/first.yaml", "--isolation", isolation]);
        let run = run.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.status.code(), Some(wanted), "{out}{err}");
    }
    let draft = fs::read_to_string(folder.path().join("leaks/first.yaml")).unwrap();
    insta::assert_snapshot!(draft);
}

#[test]
fn a_hub_that_keeps_its_users_apart_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = observed(folder.path(), None, Signal::TERM, &["--out", "kept.ndjson"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with(" exchanges observed: nothing crossed\n"), "{said}");
    assert!(folder.path().join("kept.ndjson").is_file());
}

#[test]
fn an_observer_that_was_killed_leaves_what_had_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _) = observed(folder.path(), Some("mcphub-v2.1"), Signal::KILL, &[]);
    assert_eq!(code, None);
    let file = folder.path().join("observed.ndjson");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().count() > 5 && !text.contains("{\"end\""), "{text}");
    // And of that, what stands before half a line.
    fs::write(&file, &text[..text.len() - 7]).unwrap();
    let judge = Command::new(env!("CARGO_BIN_EXE_crosstalk")).arg("judge").arg(&file).output().unwrap();
    let said = String::from_utf8(judge.stdout).unwrap();
    assert_eq!(judge.status.code(), Some(1), "{said}");
    assert!(said.contains("Note  the recording was cut off"), "{said}");
}

#[test]
fn nobody_seen_is_not_green() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["observe", "--hub", "http://127.0.0.1:1", "--upstream", "db=http://127.0.0.1:1", "--for", "100ms"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
    let output = command.current_dir(folder.path()).args(args).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.ends_with("0 exchanges observed: not verified: no requests of two users were followed to one upstream\n")
    );
}
