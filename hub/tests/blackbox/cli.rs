//! The command line of the hub: what it refuses and how it says so.

use std::{
    io::Write,
    net::TcpListener,
    process::{Command, Output, Stdio},
};

fn hub(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hub"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.yaml");
    std::fs::write(
        &path,
        "listen: here\n\
         servers:\n  db: { url: \"ftp://x\" }\n  Git Hub: { url: \"http://127.0.0.1:1/mcp\", credentials: shared }\n  jira: { url: \"http://127.0.0.1:2/mcp\" }\n\
         users:\n  alice: { keys: [{ id: a, sha256: abc }], servers: [jirra], credentials: { jira: { bearer: x, bearer-env: Y } } }\n  bob: { keys: [] }\n\
         limits: { session-idle: soon, body: 0 }\n",
    )
    .unwrap();
    let output = hub(&["check", "--config", path.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(said(&output).replace(path.to_str().unwrap(), "hub.yaml"));
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.yaml");
    std::fs::write(&path, "servers: {}\nusers: {}\nlimit: {}\n").unwrap();
    let output = hub(&["check", "--config", path.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(said(&output).replace(path.to_str().unwrap(), "hub.yaml"));
}

#[test]
fn a_port_in_use_is_said_to_be_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.yaml");
    std::fs::write(
        &path,
        format!("listen: {address}\nservers: {{ db: {{ url: \"http://127.0.0.1:1/mcp\" }} }}\nusers: {{}}\n"),
    )
    .unwrap();
    let output = hub(&["serve", "--config", path.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains("is the port in use?"), "{}", said(&output));
}

#[test]
fn a_key_is_hashed_and_a_short_one_refused() {
    let output = hub(&["hash-key"], "alice-key-0123456789\n");
    assert_eq!(output.stdout.len(), 65);
    assert_eq!(hub(&["hash-key"], "short").status.code(), Some(2));
}
