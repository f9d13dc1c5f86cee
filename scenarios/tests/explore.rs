//! `crosstalk explore` as a user meets it: it finds what is wrong, makes it small, and keeps it as a file that fails
//! again. Every seed is fixed, so nothing here needs luck.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Defects of different kinds: a table of sessions, of calls, of progress, of kept answers; rules of routes, of late
/// answers, of retries, of keys, of what is closed.
const DEFECTS: [&str; 11] = [
    "upstream-sessions@principal",
    "in-flight@process",
    "request-ids@credential",
    "progress-tokens@principal",
    "list-cache@upstream",
    "read-cache@process",
    "without/session-bound-to-route",
    "without/drop-late-answer",
    "without/never-retry-side-effect",
    "without/authenticate-every-request",
    "without/close-upstream-with-owner",
];
/// More programs than any of them needs with seed 0.
const CASES: &str = "400";
/// Nobody reads more steps than these with pleasure.
const MOST_STEPS: usize = 6;

fn crosstalk(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosstalk")).args(args).env("LC_ALL", "C.UTF-8").output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// The only file that a search left in its folder.
fn left_in(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder.join("explored")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none(), "one failure, one file");
    file
}

#[test]
fn defects_are_found_made_small_and_kept_as_files_that_fail_again() {
    for defect in DEFECTS {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().display().to_string();
        let explored = crosstalk(&["explore", "--cases", CASES, "--isolation", defect, "--out", &out]);
        assert_eq!(code(&explored), 1, "{defect}: {}", told(&explored));
        assert!(told(&explored).ends_with(", 1 failed\n"), "{defect}: {}", told(&explored));

        let file = left_in(folder.path());
        let text = fs::read_to_string(&file).unwrap();
        let steps = text.matches("\n  - ").count();
        assert!(steps <= MOST_STEPS, "{defect}: {steps} steps\n{text}");

        let file = file.display().to_string();
        assert_eq!(code(&crosstalk(&["check", &file])), 0, "{defect}\n{text}");
        let again = crosstalk(&["run", &file, "--isolation", defect]);
        assert_eq!(code(&again), 1, "{defect} does not fail again: {}\n{text}", told(&again));
        let strict = crosstalk(&["run", &file]);
        assert_eq!(code(&strict), 0, "the strict hub fails: {}\n{text}", told(&strict));
    }
}

#[test]
fn a_search_is_told_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let args = ["explore", "--cases", CASES, "--isolation", "upstream-sessions@principal", "--out", &out];
    let explored = told(&crosstalk(&args)).replace(&out, "<folder>");
    insta::assert_snapshot!("a-search-that-finds", explored);
    insta::assert_snapshot!("what-it-found", fs::read_to_string(left_in(folder.path())).unwrap());
}

#[test]
fn the_strict_hub_passes_whoever_plays_and_says_so_in_the_last_line() {
    let alone = crosstalk(&["explore", "--cases", "150", "--seed", "3", "--workers", "1"]);
    let together = crosstalk(&["explore", "--cases", "150", "--seed", "3", "--workers", "3"]);
    assert_eq!((code(&alone), code(&together)), (0, 0), "{}", told(&alone));
    assert!(told(&alone).ends_with("\nexplore: 150 programs, 0 failed\n"), "{}", told(&alone));
    assert_eq!(told(&alone), told(&together));
}

#[test]
fn the_first_failing_program_is_told_however_many_play() {
    let found = |workers: &str| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().display().to_string();
        let args = ["explore", "--cases", CASES, "--isolation", "progress-tokens@principal", "--out", &out];
        let output = crosstalk(&[&args[..], &["--workers", workers]].concat());
        assert_eq!(code(&output), 1);
        fs::read_to_string(left_in(folder.path())).unwrap()
    };
    assert_eq!(found("1"), found("4"));
}

#[test]
fn what_cannot_be_followed_says_how_to_write_it() {
    let cases: [&[&str]; 4] = [
        &["explore", "--users", "0..3"],
        &["explore", "--users", "2..9"],
        &["explore", "--for", "soon"],
        &["explore", "--isolation", "upstream-session@principal"],
    ];
    for args in cases {
        let output = crosstalk(args);
        assert_eq!(code(&output), 2, "{args:?}");
        let said = told(&output);
        assert!(["write a number", "did you mean"].iter().any(|words| said.contains(words)), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn runs_of_a_file_count_from_its_own_seed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("own")).unwrap();
    let file = |seed: &str| {
        format!(
            "scenario: own/seeded\ntitle: Alice is answered\nbugs: [one-upstream-session-for-all]\nusers: [alice]\n\
             upstreams: [db]\n{seed}steps:\n  - call: db/echo\n    as: alice\n    with: {{ text: $canary }}\n"
        )
    };
    let path = folder.path().join("own/seeded.yaml");
    let marks = |text: String, seed: &str| {
        fs::write(&path, text).unwrap();
        let traces = tempfile::tempdir().unwrap();
        let to = traces.path().display().to_string();
        assert_eq!(code(&crosstalk(&[&path.display().to_string(), "--seed", seed, "--traces", &to])), 0);
        let mut files: Vec<_> = fs::read_dir(traces.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        // The facts hold the file itself, which differs.
        texts.flat_map(|text| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    assert_eq!(marks(file("seed: 40\n"), "2"), marks(file(""), "42"));
    assert_ne!(marks(file("seed: 40\n"), "0"), marks(file(""), "0"));
}
