//! The fakes' command line: what it says, what it refuses, how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Command, Output, Stdio},
};

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fake-upstreams"))
}

fn refused(args: &[&str]) -> (i32, String) {
    let Output { status, stderr, .. } = command().args(args).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn bad_input_is_told_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("faults.yaml");
    std::fs::write(&script, "rules:\n  - tool: ecko\n    refuse: 503\n").unwrap();
    let script = script.to_str().unwrap();
    let (code, said) = refused(&["serve", "db", "--script", script]);
    assert_eq!(code, 2);
    assert!(said.contains("rule 1: `db` has no tool `ecko`; did you mean `echo`?"), "{said}");
    let (code, said) = refused(&["serve", "jra"]);
    assert_eq!(code, 2);
    assert!(said.contains("there are `db`, `github`, `jira` and `lab`"), "{said}");
    let (code, said) = refused(&["serve", "db", "--account", "alice"]);
    assert_eq!(code, 2);
    assert!(said.contains("write `login=token`"), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, said) = refused(&["serve", "db", "--port", &taken.local_addr().unwrap().port().to_string()]);
    assert_eq!(code, 3);
    assert!(said.contains("is the port in use?"), "{said}");
}

#[test]
fn the_ledger_is_printed_and_sigint_ends_it() {
    let mut child = command()
        .args(["serve", "db", "--answers", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let address = said.trim().split_once("http://").unwrap().1.trim_end_matches("/mcp").to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<serde_json::Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["entry"], "request");
    assert_eq!(lines[1]["status"], 400);
}
