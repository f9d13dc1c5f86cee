//! The command line as a user meets it: what it prints, what it refuses, how it exits.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    process::{Command, Output},
};

fn crosstalk(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosstalk")).args(args).env("LC_ALL", "C.UTF-8").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn a_green_run_ends_in_the_plain_line() {
    let output = crosstalk(&["session/foreign-session-id-is-unknown"]);
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn a_failing_run_shows_line_words_and_picture() {
    let output = crosstalk(&["--isolation", "mcphub-v2.1", "seed/test-2-stateful-isolation"]);
    assert_eq!(code(&output), 1);
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn the_leaks_of_the_mission_document_are_named() {
    let output = crosstalk(&["--isolation", "mcphub-v2.1", "seed/"]);
    assert_eq!(code(&output), 1);
    let said = text(&output.stdout);
    for leak in [
        "bob received a value that only alice may see",
        "acted on `github` with",
        "one upstream session of `github` served",
    ] {
        assert!(said.contains(leak), "`{leak}` is not in:\n{said}");
    }
}

#[test]
fn what_cannot_be_followed_says_what_was_meant() {
    let cases: &[(&str, &[&str])] = &[
        ("nothing selected", &["sesion/foreign-session-id-is-unknown"]),
        ("unknown isolation", &["--isolation", "upstream-session@process"]),
        ("no such folder", &["--cases", "no-such-folder"]),
        ("bad pattern", &["session/[a"]),
    ];
    for (name, args) in cases {
        let output = crosstalk(args);
        assert_eq!(code(&output), 2, "{name}");
        insta::assert_snapshot!(name.replace(' ', "-"), text(&output.stderr));
    }
}

#[test]
fn an_invalid_file_is_told_with_its_line_and_nothing_is_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bad")).unwrap();
    fs::write(folder.path().join("bad/file.yaml"), "scenario: bad/file\ntitel: x\n").unwrap();
    let cases = folder.path().display().to_string();
    for args in [vec!["--cases", &cases], vec!["check", &cases]] {
        let output = crosstalk(&args);
        assert_eq!(code(&output), 3);
        assert!(text(&output.stderr).contains("did you mean `title`?"), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn traces_of_one_seed_are_equal_and_of_two_are_not() {
    let traces = |seed: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let output = crosstalk(&["correlation/same-id-answers-stay-apart", "--seed", seed, "--traces", &path]);
        assert_eq!(code(&output), 0);
        let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(traces("3"), traces("3"));
    assert_ne!(traces("3"), traces("4"));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crosstalk"))
        .arg("list")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_reader_who_leaves_does_not_make_a_failing_run_green() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crosstalk"))
        .args(["--isolation", "mcphub-v2.1", "seed/test-2-stateful-isolation"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn how_to_do_it_again_names_a_seed_that_fails() {
    let args = ["--isolation", "mcphub-v2.1", "--seed", "5", "--repeat", "2", "seed/test-2-stateful-isolation"];
    let said = text(&crosstalk(&args).stdout);
    assert!(said.contains("--isolation mcphub-v2.1 --seed 5\n"), "{said}");
    assert_eq!(said.matches("FAIL  seed/test-2-stateful-isolation   18 cells").count(), 1, "{said}");
}

#[test]
fn seeds_that_do_not_exist_are_refused() {
    let output = crosstalk(&["--seed", &u64::MAX.to_string(), "--repeat", "2", "seed"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("no 2 seeds"), "{}", text(&output.stderr));
}

#[test]
fn a_promise_that_nobody_can_keep_is_the_suites_fault() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("own")).unwrap();
    let file = "scenario: own/harness\ntitle: Nobody can keep this\nbugs: [one-upstream-session-for-all]\n\
        clauses: [SESS-12]\nusers: [alice]\nupstreams: [db]\nsteps:\n  - call: db/get_data\n    as: alice\n    \
        expect: { text: never-there }\n";
    fs::write(folder.path().join("own/harness.yaml"), file).unwrap();
    let output = crosstalk(&["--cases", &folder.path().display().to_string()]);
    assert_eq!(code(&output), 70, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("alone and through no hub"));
}

#[test]
fn a_locale_without_unicode_gets_seven_bits() {
    let output = Command::new(env!("CARGO_BIN_EXE_crosstalk"))
        .args(["--isolation", "upstream-sessions@process", "state/a-session-remembers"])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let said = text(&output.stdout);
    let picture: Vec<&str> = said.lines().filter(|line| line.starts_with("      |")).collect();
    assert!(picture.iter().any(|line| line.contains("<-- here") && line.contains("==")), "{said}");
    assert!(picture.iter().all(|line| line.is_ascii()), "{said}");
}
