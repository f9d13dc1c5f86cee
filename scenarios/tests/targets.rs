//! Target files that are wrong, and hubs that are not what their files say: what is told, and that nothing is left behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fmt::Write as _, fs, path::Path, process::Command};

use scenarios::{
    diagnostics::{Style, render_all},
    scenario::source::Source,
    target::file::{self, words},
};

/// A file that is right; each case spoils it in one place.
const GOOD: &str = "\
hub: a hub
start:
  command: [sleep, \"{port}\"]
  ready: { tcp: \"{port}\", within: 1s }
files:
  - to: hub.json
    text: '{\"port\": {{ port }}}'
provision:
  - for: user
    post: \"{url}/users/{user}\"
    capture: { key: /key }
reach:
  upstream: \"{url}/{upstream}/mcp\"
naming: \"{upstream}__{name}\"
promises: { sharing: per-session }
supports: [keys]
unsupported: { prompts: not planned }
excluded: { session/*: a reason }
";

fn told(text: &str) -> String {
    let source = Source { path: "target.yaml".into(), text: text.into() };
    match file::load(&source, Path::new("")) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(problems) => render_all(&problems, Style { color: false, unicode: true }),
    }
}

#[test]
fn the_good_file_is_good() {
    assert_eq!(told(GOOD), "nothing is wrong");
}

#[test]
fn every_spoiled_target_file_is_told_with_place_and_remedy() {
    let spoiled: &[(&str, &str, &str)] = &[
        ("unknown key", "start:", "strat:"),
        ("start and url", "hub: a hub", "hub: a hub\nurl: http://127.0.0.1:1"),
        ("no sign", "tcp: \"{port}\", ", ""),
        ("unknown placeholder", "[sleep, \"{port}\"]", "[sleep, \"{prot}\"]"),
        ("user outside its step", "{url}/{upstream}/mcp", "{url}/{user}/mcp"),
        ("file outside", "to: hub.json", "to: ../hub.json"),
        ("no template", "text: '{\"port\": {{ port }}}'", "template: no-such.j2"),
        ("broken template", "{{ port }}}", "{{ port }"),
        ("two methods", "    post:", "    get: \"{url}/\"\n    post:"),
        ("pointer", "/key", "data.key"),
        ("secure reach", "\"{url}/{upstream}/mcp\"", "\"https://hub/{upstream}\""),
        ("naming without name", "__{name}", ""),
        ("unknown level", "per-session", "per-sesion"),
        ("not optional", "supports: [keys]", "supports: [prompts]"),
        ("a way that is not described", "supports: [keys]", "supports: [keys, revoke]"),
        ("a step that does nothing", "supports: [keys]", "revoke: [{ for: key }]"),
        ("capability that is no text", "supports: [keys]", "supports: [1]"),
        ("unknown capability", "prompts: not", "promts: not"),
        ("wrong duration", "within: 1s", "within: 1"),
    ];
    let mut all = String::new();
    for (what, good, bad) in spoiled {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD, "{what}: nothing was spoiled");
        writeln!(all, "== {what}\n{}\n", told(&text)).unwrap();
    }
    insta::assert_snapshot!(all);
}

/// A server's file that is right. Cargo sets the variables for every test.
const SERVER: &str = "\
server: a server
url: http://127.0.0.1:1
reach: { server: \"{url}/mcp\", header: { x-api-key: \"{key}\" } }
accounts:
  alice: { token: \"{env.CARGO_MANIFEST_DIR}\", is: alice@example.com }
  bob: { token: { file: bob.token }, is: bob@example.com }
state: session
roles:
  remember: { tool: set, with: { key: k, value: \"{value}\" }, destructive: true }
  recall: { tool: get, with: { key: k }, at: /result/structuredContent/value }
  whoami: { tool: whoami }
promises: { refusals: similar, logs: promised }
unsupported: { progress: none is told }
excluded: { server/a-slow-*: a reason }
";

/// What is said of a server's file, in a folder that has bob's token.
fn told_of_server(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bob.token"), "a-token-of-bob").unwrap();
    fs::write(folder.path().join("short.token"), "short").unwrap();
    let source = Source { path: "server.yaml".into(), text: text.into() };
    let said = match file::load(&source, folder.path()) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(problems) => render_all(&problems, Style { color: false, unicode: true }),
    };
    said.replace(&folder.path().display().to_string(), "<folder>")
}

#[test]
fn the_good_file_of_a_server_is_good() {
    assert_eq!(told_of_server(SERVER), "nothing is wrong");
}

#[test]
fn every_spoiled_file_of_a_server_is_told_with_place_and_remedy() {
    let env = "{env.CARGO_MANIFEST_DIR}";
    let spoiled: &[(&str, &str, &str)] = &[
        ("unknown key", "roles:", "rolse:"),
        ("no url", "url: http://127.0.0.1:1\n", ""),
        ("secure server", "{url}/mcp", "https://acme.example/mcp"),
        ("no server to reach", "server: \"{url}/mcp\", ", ""),
        ("one account", "  bob: { token: { file: bob.token }, is: bob@example.com }\n", ""),
        ("token in plain", env, "s3cret-of-alice"),
        ("token with more beside it", env, "Bearer {env.CARGO_MANIFEST_DIR}"),
        ("variable that is not set", env, "{env.CROSSTALK_NO_SUCH_TOKEN}"),
        ("token file that is not there", "bob.token", "no-such.token"),
        ("token too short", "bob.token", "short.token"),
        ("equal tokens", "{ file: bob.token }", "\"{env.CARGO_MANIFEST_DIR}\""),
        ("unknown role", "recall:", "recal:"),
        ("role without tool", "tool: whoami", "with: {}"),
        ("value that goes nowhere", "value: \"{value}\"", "value: v"),
        ("value that nobody gives", "{ key: k }", "{ key: \"{value}\" }"),
        ("unknown placeholder", "\"{value}\"", "\"{valeu}\""),
        ("no pointer", "/result/structuredContent/value", "value"),
        ("destructive is no truth", "destructive: true", "destructive: a little"),
        ("nobody says for whom", "state: session\n", ""),
        ("unknown state", "state: session", "state: sesion"),
        ("whoami without names", ", is: alice@example.com", ""),
        ("promise of a hub", "refusals: similar", "sharing: shared"),
        ("capability of a hub", "progress: none", "prompts: none"),
    ];
    let mut all = String::new();
    for (what, good, bad) in spoiled {
        let text = SERVER.replacen(good, bad, 1);
        assert_ne!(text, SERVER, "{what}: nothing was spoiled");
        let said = told_of_server(&text);
        assert_ne!(said, "nothing is wrong", "{what}");
        writeln!(all, "== {what}\n{said}\n").unwrap();
    }
    for (code, what) in words::WRONG {
        assert!(all.contains(code), "no file shows {code}: {what}");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_only_accounts_make_possible_is_told_without_them() {
    let accounts = SERVER.find("accounts:").unwrap()..SERVER.find("state:").unwrap();
    let mut text = SERVER.to_owned();
    text.replace_range(accounts, "");
    assert_eq!(told_of_server(&text), "nothing is wrong");
    insta::assert_snapshot!(told_of_server(&text.replace("state: session", "state: account")));
}

/// What the doctor says of a target file; the exit code comes first.
fn doctor(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target.yaml");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
    let output = command.args(["doctor", "--target"]).arg(&file).env("LC_ALL", "C.UTF-8").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap().replace(&folder.path().display().to_string(), "<folder>");
    format!("exit code {}\n{said}", output.status.code().unwrap())
}

const ROUTES: &str = "reach: { upstream: \"{url}/{upstream}\" }\n";
/// A program that says that it is ready, does nothing, and ends when it is asked to.
const IDLE: &str =
    "start:\n  command: [sh, -c, \"echo ready; exec sleep 600\"]\n  ready: { says: ready, within: 20s }\n";

#[test]
fn a_command_that_is_not_there_is_missed() {
    let start = "start:\n  command: [no-such-hub, --port, \"{port}\"]\n  ready: { tcp: \"{port}\" }\n";
    insta::assert_snapshot!(doctor(&format!("hub: not installed\n{start}{ROUTES}")));
}

#[test]
fn a_hub_that_listens_elsewhere_is_never_ready() {
    let start = IDLE.replace("says: ready, within: 20s", "tcp: \"{port}\", within: 500ms");
    insta::assert_snapshot!(doctor(&format!("hub: never ready\n{start}{ROUTES}")));
}

#[test]
fn a_template_that_asks_for_what_is_not_there_is_told_with_its_line() {
    let files = "files:\n  - to: hub.json\n    text: |\n      {\n        \"name\": {{ users[0].nmae }}\n      }\n";
    insta::assert_snapshot!(doctor(&format!("hub: undefined\n{IDLE}{files}{ROUTES}")));
}

#[test]
fn a_capture_that_finds_nothing_is_told_with_the_answer() {
    let step = "provision:\n  - for: user\n    run: [echo, '{\"token\": \"abc\"}']\n    capture: { key: /data/key }\n";
    insta::assert_snapshot!(doctor(&format!("hub: no key\n{IDLE}{step}{ROUTES}")));
}

#[test]
fn a_target_that_cannot_be_started_is_no_failure_of_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target.yaml");
    let start = "start:\n  command: [no-such-hub]\n  ready: { tcp: \"{port}\" }\n";
    fs::write(&file, format!("hub: not installed\n{start}{ROUTES}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
    let output = command.args(["session/foreign-session-id-is-unknown", "--target"]).arg(&file).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("`no-such-hub` cannot be started"), "{said}");
    assert!(said.ends_with("conformance: 0 passed, 0 failed, 9 not verified\n"), "{said}");
}

#[test]
fn a_key_that_could_not_be_taken_away_is_no_failure_of_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target.yaml");
    let revoke = "revoke:\n  - run: [sh, -c, \"echo no such key >&2; exit 1\"]\nsupports: [revoke]\n";
    fs::write(&file, format!("hub: knows no end\n{IDLE}{revoke}{ROUTES}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
    let scenario = "lifecycle/a-revoked-key-ends-what-it-began";
    let output = command.args([scenario, "--patience", "100ms", "--target"]).arg(&file).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("the key of alice was not taken away"), "{said}");
    assert!(said.contains("ended with exit status: 1: no such key"), "{said}");
}

#[test]
fn an_invalid_target_file_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target.yaml");
    fs::write(&file, GOOD.replacen("hub:", "hbu:", 1)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_crosstalk")).arg("--target").arg(&file).output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(3), Vec::new()));
}

#[test]
fn a_hub_that_serializes_is_told_so_once() {
    let args = ["--isolation", "without/calls-run-side-by-side", "correlation/bob-does-not-wait-for-alice"];
    let output = Command::new(env!("CARGO_BIN_EXE_crosstalk")).args(args).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.matches("interference: serialized").count(), 1, "{said}");
}
