//! Servers that are asked with no hub between: the fakes served alone pass, and each mistake that one can make fails a
//! scenario. So every scenario for servers can fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use fake_upstreams::{Account, Answers, Conduct, Fake, Guard, Kind, Ledger, Script, Settings, Spoiling};
use scenarios::{
    library::Library,
    registry::Registry,
    run::{self, CellReport, Mode, Options},
    scenario::model::{Revision, Scenario},
    target::Target,
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
        Account { login: login.to_owned(), token, scopes }
    };
    let settings = Settings {
        name: kind.to_string(),
        kind,
        accounts: vec![account("alice"), account("bob")],
        seed: 0,
        script: if kind == Kind::Db { Script::from_yaml(SLOW, kind).unwrap() } else { Script::default() },
        answers: Answers::Seeded,
        page: None,
        service: None,
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
