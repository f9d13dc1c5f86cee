//! Servers that are asked with no hub between: the fakes served alone pass, and each mistake that one can make fails a
//! scenario. So every scenario for servers can fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use fake_upstreams::{Account, Answers, Conduct, Eras, Fake, Guard, Kind, Ledger, Script, Settings, Spoiling};
use scenarios::{
    library::Library,
    oracles,
    registry::Registry,
    run::{self, CellReport, Mode, Options},
    scenario::model::{Revision, Scenario},
    target::Target,
    trace::{Event, Index, Trace},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Builder};

/// What makes a tool slow.
const SLOW: &str = "rules:\n  - tool: insert\n    delay: 400ms\n";

const DB: &str = "\
server: the fake db, guarded
url: <url>
reach: { server: \"{url}/mcp\" }
accounts:
  alice: { token: { file: alice.token }, is: you are alice }
  bob: { token: { file: bob.token }, is: you are bob }
state: session
roles:
  remember: { tool: set_context, with: { project: \"{value}\" } }
  recall: { tool: get_data }
  list: { tool: query, with: { sql: SELECT project FROM context } }
  whoami: { tool: whoami }
  echo: { tool: echo, with: { text: \"{value}\" } }
  slow: { tool: insert, with: { key: a, value: b } }
";

const GITHUB: &str = "\
server: the fake github, guarded
url: <url>
reach: { server: \"{url}/mcp\" }
accounts:
  alice: { token: { file: alice.token }, is: you are alice }
  bob: { token: { file: bob.token }, is: you are bob }
state: account
roles:
  remember: { tool: create_issue, with: { title: \"{value}\" } }
  recall: { tool: list_issues }
  list: { tool: list_issues }
  whoami: { tool: whoami }
  echo: { tool: echo, with: { text: \"{value}\" } }
";

/// Serves a fake for as long as the test runs, and writes the target file for it.
fn served(kind: Kind, text: &str, guard: Guard, spoiling: Option<Spoiling>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let account = |login: &str| {
        let token = format!("{login}-s3cret-token");
        fs::write(folder.path().join(format!("{login}.token")), format!("{token}\n")).unwrap();
        let scopes = ["read", "write", "transition"].map(str::to_owned).to_vec();
        Account { login: login.to_owned(), token, scopes, eras: None }
    };
    let settings = Settings {
        name: kind.to_string(),
        kind,
        accounts: vec![account("alice"), account("bob")],
        seed: 0,
        script: if kind == Kind::Db { Script::from_yaml(SLOW, kind).unwrap() } else { Script::default() },
        answers: Answers::Json,
        page: None,
        service: None,
        eras: Eras::default(),
    };
    let fake = Fake::behaving(settings, Conduct { guard, spoiling }, Ledger::new(|_| ()));
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            fake_upstreams::serve(listener, fake, std::future::pending::<()>()).stopped().await;
        });
    });
    let file = folder.path().join("server.yaml");
    fs::write(&file, text.replace("<url>", &format!("http://{}", told.recv().unwrap()))).unwrap();
    (folder, file)
}

fn for_servers() -> Vec<Arc<Scenario>> {
    let mut scenarios = Library::embedded(&Registry::embedded()).scenarios;
    scenarios.retain(|scenario| scenario.is_for_servers());
    scenarios
}

fn played(file: &Path, scenarios: &[Arc<Scenario>]) -> Vec<CellReport> {
    let target = Target::load(file).unwrap_or_else(|unusable| panic!("{unusable:?}"));
    let options = Options { target, mode: Mode::Socket, patience: Duration::from_secs(3), ..Options::default() };
    let mut cells = run::plan(scenarios, &options);
    cells.retain(|cell| cell.revision == Revision::November2025);
    let mut reports = Vec::new();
    run::play(&cells, &options, |report| {
        reports.push(report);
        ControlFlow::Continue(())
    });
    reports
}

/// Verdict and reason of every scenario that did not pass.
fn not_passed(reports: &[CellReport]) -> BTreeMap<&str, String> {
    let told = reports.iter().filter(|report| report.verdict.word() != "pass");
    told.map(|report| (report.scenario.id.value.as_str(), format!("{:?}", report.verdict))).collect()
}

#[test]
fn a_server_that_keeps_sessions_apart_passes() {
    let (_folder, file) = served(Kind::Db, DB, Guard::Owners, None);
    let reports = played(&file, &for_servers());
    let left_out = not_passed(&reports);
    assert_eq!(left_out.keys().copied().collect::<Vec<_>>(), ["server/an-account-has-many-sessions"], "{left_out:#?}");
    assert!(left_out.values().all(|verdict| verdict.contains("needs `state: account`")), "{left_out:#?}");
}

#[test]
fn a_server_that_keeps_accounts_apart_passes() {
    let (_folder, file) = served(Kind::Github, GITHUB, Guard::Owners, None);
    let reports = played(&file, &for_servers());
    let left_out = not_passed(&reports);
    assert!(left_out.values().all(|verdict| verdict.starts_with("NotApplicable")), "{left_out:#?}");
    assert_eq!(left_out.len(), 5, "{left_out:#?}");
}

#[test]
fn every_mistake_fails_a_scenario_and_every_scenario_can_fail() {
    use Spoiling as S;
    let killers: &[(Kind, S, &[&str])] = &[
        (Kind::Db, S::SharedState, &["each-recalls-their-own", "nothing-stored-nothing-recalled"]),
        (Kind::Db, S::StateOfAccount, &["two-sessions-of-one-account"]),
        (Kind::Db, S::InheritedState, &["a-new-session-begins-with-nothing"]),
        (Kind::Db, S::CurrentSession, &["stored-at-once"]),
        (Kind::Db, S::CachedResults, &["lists-show-ones-own"]),
        (Kind::Db, S::AnswersById, &["many-echoes-in-flight"]),
        (Kind::Db, S::IdsAlike, &["number-and-string-are-two-ids"]),
        (Kind::Db, S::FirstCaller, &["whoami-on-every-call"]),
        (Kind::Db, S::FirstOfConnection, &["whoami-on-a-kept-connection"]),
        (Kind::Db, S::TokenUnchecked, &["a-wrong-token-is-refused"]),
        (Kind::Db, S::OwnerUnchecked, &["foreign-session-id-is-unknown"]),
        (Kind::Db, S::SessionUnchecked, &["unknown-session-id-is-refused"]),
        (Kind::Db, S::SessionGuessed, &["missing-session-id-is-refused"]),
        (Kind::Db, S::SessionsImmortal, &["ended-session-id-is-refused"]),
        (Kind::Db, S::IdsGuessable, &["session-ids-cannot-be-guessed"]),
        (Kind::Db, S::Serialized, &["a-slow-call-stops-nobody"]),
        (Kind::Db, S::CancelById, &["a-cancel-stops-its-own-call"]),
        (Kind::Db, S::ProgressOfNewest, &["progress-comes-to-its-own-call"]),
        (Kind::Github, S::SharedState, &["an-account-has-many-sessions"]),
    ];
    let scenarios = for_servers();
    let mut killed = BTreeSet::new();
    for (kind, spoiling, names) in killers {
        let text = if *kind == Kind::Db { DB } else { GITHUB };
        let (_folder, file) = served(*kind, text, Guard::Owners, Some(*spoiling));
        for name in *names {
            let id = format!("server/{name}");
            let one: Vec<_> = scenarios.iter().filter(|scenario| scenario.id.value == id).cloned().collect();
            let reports = played(&file, &one);
            let words: Vec<&str> = reports.iter().map(|report| report.verdict.word()).collect();
            // A server that serializes tells nobody anything: that is a warning.
            let wanted = if *spoiling == S::Serialized { "warn" } else { "fail" };
            assert_eq!(words, [wanted], "{spoiling}: {id}: {:#?}", reports[0].verdict);
            killed.insert(id);
        }
    }
    let all: BTreeSet<String> = scenarios.iter().map(|scenario| scenario.id.value.clone()).collect();
    assert_eq!(killed, all, "a scenario that cannot fail proves nothing");
    let made: BTreeSet<Spoiling> = killers.iter().map(|(_, spoiling, _)| *spoiling).collect();
    assert_eq!(made.len(), Spoiling::NAMES.len(), "a mistake that nobody sees");
}

#[test]
fn tokens_of_accounts_are_shown_to_the_server_and_written_nowhere() {
    let (_folder, file) = served(Kind::Db, DB, Guard::Owners, None);
    let reports = played(&file, &for_servers());
    let traces = reports.iter().filter_map(|report| report.trace.as_ref());
    let written: String = traces.map(|trace| format!("{trace:?}")).collect();
    // The server was shown them, or it would have let nobody in.
    assert!(written.contains("Bearer key-alice-"));
    assert!(!written.contains("s3cret-token"));
}

#[test]
fn destructive_roles_are_played_where_that_was_allowed_alone() {
    let text = DB.replace("{ tool: set_context,", "{ tool: set_context, destructive: true,");
    let (_folder, file) = served(Kind::Db, &text, Guard::Owners, None);
    let crosstalk = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
        command
            .arg("--target")
            .arg(&file)
            .args(["--revision", "2025-11-25", "server/each-recalls-their-own"])
            .args(args);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = crosstalk(&[]);
    assert_eq!(code, Some(4), "nothing verified is never green: {said}");
    assert!(said.contains("the role `remember` changes something for good; `--allow-destructive` plays it"), "{said}");
    let (code, said) = crosstalk(&["--allow-destructive"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_role_that_does_not_work_alone_is_no_finding() {
    let broken = [
        ("recall: { tool: get_data }", "recall: { tool: whoami }", "each-recalls-their-own"),
        ("slow: { tool: insert", "slow: { tool: echo, with: { text: x } } #", "a-slow-call-stops-nobody"),
    ];
    for (good, bad, name) in broken {
        let (_folder, file) = served(Kind::Db, &DB.replace(good, bad), Guard::Owners, None);
        let id = format!("server/{name}");
        let one: Vec<_> = for_servers().into_iter().filter(|scenario| scenario.id.value == id).collect();
        let reports = played(&file, &one);
        let verdict = format!("{:?}", reports[0].verdict);
        assert!(
            verdict.starts_with("CouldNotRun") && verdict.contains("does not work for one user alone"),
            "{verdict}"
        );
    }
}

/// A stored trace, changed so that what its scenario is about did not come about.
#[test]
fn what_did_not_come_about_is_not_observed() {
    let (_folder, file) = served(Kind::Db, DB, Guard::Owners, None);
    let reports = played(&file, &for_servers());
    let trace = |name: &str| {
        let report = reports.iter().find(|report| report.scenario.id.value == format!("server/{name}")).unwrap();
        let trace = report.trace.clone().unwrap();
        assert_eq!(oracles::not_observed(&Index::new(&trace)), None, "{name}");
        trace
    };
    let said = |trace: &Trace| oracles::not_observed(&Index::new(trace)).unwrap();

    let mut one_by_one = trace("many-echoes-in-flight");
    let exchange = |event: &Event| match event {
        Event::Sent { exchange, .. } | Event::Received { exchange, .. } => *exchange,
        _ => u64::MAX,
    };
    one_by_one.events.sort_by_key(exchange);
    assert!(said(&one_by_one).starts_with("no two calls were open at once"));

    let mut silent = trace("progress-comes-to-its-own-call");
    let mut endless = trace("ended-session-id-is-refused");
    let mut nameless = endless.clone();
    for event in &mut silent.events {
        if let Event::Received { body, .. } = event {
            *body = body.replace("notifications/progress", "notifications/message");
        }
    }
    assert!(said(&silent).starts_with("nobody was told of any progress"));
    for event in &mut endless.events {
        if let Event::Received { status: status @ 204, .. } = event {
            *status = 405;
        }
    }
    assert!(said(&endless).starts_with("DELETE is answered with 405"));
    for event in &mut nameless.events {
        match event {
            Event::Received { headers, .. } => headers.retain(|(name, _)| name != "mcp-session-id"),
            Event::Sent { session, .. } => *session = None,
            _ => {}
        }
    }
    assert!(said(&nameless).starts_with("alice was given no session id"));
}

/// What the doctor says; the exit code comes first.
fn doctor(file: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstalk"));
    let output = command.args(["doctor", "--target"]).arg(file).env("LC_ALL", "C.UTF-8").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let folder = file.parent().unwrap().display().to_string();
    format!("exit code {}\n{}", output.status.code().unwrap(), said.replace(&folder, "<folder>"))
}

#[test]
fn the_doctor_plays_every_role_once() {
    let (_folder, file) = served(Kind::Db, DB, Guard::Owners, None);
    insta::assert_snapshot!(doctor(&file));
}

#[test]
fn the_doctor_names_the_role_that_does_not_work() {
    let text = DB
        .replace("recall: { tool: get_data }", "recall: { tool: getdata }")
        .replace("slow: { tool: insert, with: { key: a, value: b } }", "slow: { tool: whoami }")
        .replace("is: you are bob", "is: you are robert");
    let (_folder, file) = served(Kind::Db, &text, Guard::ByKind, None);
    let marks = [(r"\[xt[0-9a-z]{16}\]", "[<mark>]"), (r"xt[0-9a-z]{16}", "<mark>"), (r"took \d+ ms", "took <n> ms")];
    insta::with_settings!({ filters => marks.to_vec() }, { insta::assert_snapshot!(doctor(&file)) });
}
