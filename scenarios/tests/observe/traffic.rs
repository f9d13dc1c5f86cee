//! Real traffic to observe: the reference hub on a socket of its own, the fakes behind it, a scenario's users as
//! clients, and between them whatever observes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fake_upstreams::{Entry, SessionChange};
use indexmap::IndexMap;
use scenarios::{
    diagnostics::Style,
    engine::{
        cast,
        client::{Endpoint, Wire},
        pace::Pace,
        player::Player,
        stage::{Front, Stage},
    },
    library::Library,
    observe::{
        judged::Judged,
        live::Taps,
        person::{By, People},
        plan::{Place, Plan},
        recording,
    },
    oracles::{Oracle, Severity},
    registry::Registry,
    report::observed,
    run::{Cell, Options, plan},
    scenario::model::{CredentialMode, Need, Revision, Scenario},
    target::{
        Addresses, Target,
        ports::{self, Port},
    },
    trace::{Event, Facts, Sharing, index::header, recorder::Recorder},
};
use tokio::{runtime::Builder, sync::oneshot};

const PACE: Pace = Pace::Real(Duration::from_secs(20));
const SEED: u64 = 7;

/// A recording that was judged, and what it must not contain.
pub(crate) struct Observed {
    folder: tempfile::TempDir,
    pub(crate) judged: Judged,
    pub(crate) recording: recording::Recording,
    pub(crate) secrets: Vec<String>,
}

impl Observed {
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("observed.ndjson")
    }

    pub(crate) fn failures(&self) -> Vec<(Oracle, String)> {
        let failures = self.judged.findings.iter().filter(|finding| finding.severity == Severity::Failure);
        failures.map(|finding| (finding.oracle, finding.headline.clone())).collect()
    }

    pub(crate) fn report(&self) -> String {
        let mut out = Vec::new();
        let style = Style { color: false, unicode: true };
        observed::write(&mut out, &self.judged, &self.recording.head, "observed.ndjson", None, style).unwrap();
        String::from_utf8(out).unwrap()
    }
}

/// All that are played with a hub.
pub(crate) fn scenarios() -> Vec<Arc<Scenario>> {
    let mut scenarios = Library::embedded(&Registry::embedded()).scenarios;
    scenarios.retain(|scenario| !scenario.is_for_servers());
    scenarios
}

/// The cells of a scenario that can be played over sockets and by clients alone, in one revision where it has several. No
/// tap stands before a child process.
pub(crate) fn cells(scenario: &Arc<Scenario>, mode: CredentialMode) -> Vec<Cell> {
    let needs_a_hand = |need| matches!(need, Need::Clock | Need::Restart | Need::Revoke);
    let has_child = scenario.upstreams.keys().any(|upstream| scenario.is_child(upstream));
    if has_child || scenario.needs.iter().any(|need| needs_a_hand(need.value)) {
        return Vec::new();
    }
    let mut cells = plan(std::slice::from_ref(scenario), &Options::default());
    let revision = if scenario.revisions.len() == 1 { scenario.revisions[0] } else { Revision::November2025 };
    cells.retain(|cell| cell.credentials == mode && cell.revision == revision);
    cells
}

pub(crate) fn cells_of(id: &str, mode: CredentialMode) -> Vec<Cell> {
    let scenario = scenarios().into_iter().find(|scenario| scenario.id.value == id);
    cells(&scenario.unwrap_or_else(|| panic!("there is no scenario {id}")), mode)
}

/// Plays a cell through a hub between taps of this process, and judges what they saw.
pub(crate) fn observe(cell: &Cell, isolation: Option<&str>) -> Observed {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("observed.ndjson");
    let secrets = play(cell, isolation, async |plan: Plan, play: oneshot::Sender<()>, played| {
        let taps = Taps::raise(&plan).await.unwrap();
        play.send(()).unwrap();
        taps.record(&plan, &file, async { drop(played.await) }).await.unwrap();
    });
    let (judged, recording) = read(&file);
    Observed { folder, judged, recording, secrets }
}

/// Reads and judges a recording.
pub(crate) fn read(file: &Path) -> (Judged, recording::Recording) {
    let recording = recording::read(&fs::read_to_string(file).unwrap()).unwrap();
    (Judged::of(&recording), recording)
}

/// Plays a cell while somebody observes, who says when taps stand and is told when the cell was played; every secret
/// that was used.
pub(crate) fn play(
    cell: &Cell,
    isolation: Option<&str>,
    observer: impl AsyncFnOnce(Plan, oneshot::Sender<()>, oneshot::Receiver<()>),
) -> Vec<String> {
    let target = Target::reference(isolation).unwrap();
    let facts = cast::facts(cell, SEED, &target.promises());
    let recorder = Recorder::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (plan, mut stage, _ports) = raise(cell, &facts, &target, &recorder).await;
        let (play, begin) = oneshot::channel();
        let (end, played) = oneshot::channel();
        let playing = async {
            begin.await.unwrap();
            Player::new(cell, &facts, &mut stage, &Front::Target(target.clone()), None).play().await;
            end.send(()).unwrap();
        };
        tokio::join!(observer(plan, play, played), playing);
        assert_eq!(stage.trouble, None, "{}", cell.scenario.id.value);
    });
    let trace = recorder.into_trace(facts);
    secrets(&trace.facts, &trace.events)
}

/// Upstreams and hub, between them and the clients the addresses at which taps will stand, and the claims on those.
async fn raise(cell: &Cell, facts: &Facts, target: &Target, recorder: &Recorder) -> (Plan, Stage, Vec<Port>) {
    let (mut stage, addresses) = Stage::upstreams(recorder.clone(), facts, &Wire::Tcp, PACE, SEED).await.unwrap();
    let mut claimed = Vec::new();
    let mut before = |authority: &str| {
        let port = ports::free().unwrap();
        let number = port.number;
        claimed.push(port);
        Place { authority: authority.to_owned(), path: String::new(), port: number }
    };
    let upstreams: IndexMap<String, Place> =
        addresses.http.iter().map(|(name, authority)| (name.clone(), before(authority))).collect();
    let http = upstreams.iter().map(|(name, place)| (name.clone(), format!("127.0.0.1:{}", place.port))).collect();
    let tapped = Addresses { http, ..addresses };
    let mut running = target.start(&tapped.provision(facts, &Wire::Tcp, recorder, SEED, 0)).await.unwrap();
    let hub = before(&running.endpoints.values().next().unwrap().authority);
    for endpoint in running.endpoints.values_mut() {
        *endpoint = Endpoint { authority: format!("127.0.0.1:{}", hub.port), ..endpoint.clone() };
    }
    stage.take(running);
    let user = |actor: &str| actor.split('.').next().unwrap_or_default().to_owned();
    let plan = Plan {
        hub,
        upstreams,
        people: People {
            by: By::Authorization,
            names: facts.keys.iter().map(|(actor, key)| (key.clone(), user(actor))).collect(),
        },
        tokens: BTreeMap::new(),
        service_tokens: BTreeMap::new(),
        sharing: Sharing::PerSession,
        credentials: cell.credentials,
    };
    (plan, stage, claimed)
}

/// Keys, credentials, and the ids of sessions on both sides.
fn secrets(facts: &Facts, events: &[Event]) -> Vec<String> {
    let tokens = facts.tokens.values().flat_map(BTreeMap::values).chain(facts.service_tokens.values());
    let sessions = events.iter().filter_map(|event| match event {
        Event::Received { headers, .. } => header(headers, "mcp-session-id"),
        Event::Upstream(Entry::Session { session, change: SessionChange::Opened, .. }) => Some(session),
        _ => None,
    });
    let secrets = facts.keys.values().chain(tokens).map(String::as_str).chain(sessions);
    secrets.map(str::to_owned).collect()
}
