//! Plays the steps of a cell, one after another, and writes down what came of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fake_upstreams::{Fake, mark::Mint};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    call::{Address, Call},
    cast,
    client::{Endpoint, Kept, Outgoing, Reply},
    envelope::{self, Credentials, Itself},
    rounds::Round,
    sessions::Sessions,
    stage::{Front, Stage},
};
use crate::{
    oracles::rpc,
    run::Cell,
    scenario::{
        canary,
        model::{Action, Actor, Era, Request, Revision},
    },
    trace::{Event, Exchange, Facts, Purpose, event::Outcome},
};

/// The first JSON-RPC id of an actor. All actors count from here, so that their ids collide unless
/// somebody keeps them apart.
const FIRST_ID: u64 = 1000;

/// One cell being played.
pub struct Player<'s> {
    pub(super) cell: &'s Cell,
    pub(super) facts: &'s Facts,
    pub(super) stage: &'s mut Stage,
    pub(super) alone: Option<&'s str>,
    pub(super) sessions: Sessions,
    /// Held calls by label, and every call that was given up on.
    pub(super) held: BTreeMap<String, Call>,
    pub(super) withdrawn: BTreeSet<String>,
    /// Labels of calls that were to be held and did not reach their upstream in time.
    pub(super) stuck: BTreeSet<String>,
    /// Cursors and handles by the label under which they are kept.
    pub(super) kept: BTreeMap<String, String>,
    /// What calls were told when something more was wanted, by label.
    pub(super) rounds: BTreeMap<String, Vec<Round>>,
    /// Which log lines a stateful client wants, by upstream.
    pub(super) levels: BTreeMap<(Actor, String), String>,
    /// What a stateless client can be asked, where it has said so.
    offers: BTreeMap<Actor, Vec<String>>,
    /// Connections that are kept, by name.
    connections: BTreeMap<String, Kept>,
    pub(super) rng: ChaCha8Rng,
    marks: Mint,
    ids: BTreeMap<(Actor, String), u64>,
    direct: bool,
    started: Instant,
}

/// How a session is opened.
pub(super) struct Opening<'o> {
    pub(super) purpose: Purpose,
    /// The JSON-RPC id; a fresh number where there is none.
    pub(super) id: Option<Value>,
    /// What the client says it can be asked; everything where it is not said.
    pub(super) offers: Option<&'o [String]>,
}

/// Why a session could not be opened: the exchange that shows it.
pub(super) struct NoSession(pub(super) Outcome);

impl<'s> Player<'s> {
    /// A player on a raised stage. With `alone`, only that user's polite steps are played.
    pub fn new(cell: &'s Cell, facts: &'s Facts, stage: &'s mut Stage, front: &Front, alone: Option<&'s str>) -> Self {
        let domain = format!("requests {} {}", cell.scenario.id.value, alone.unwrap_or("everybody"));
        Self {
            cell,
            facts,
            stage,
            alone,
            sessions: Sessions::default(),
            held: BTreeMap::new(),
            withdrawn: withdrawn(cell),
            stuck: BTreeSet::new(),
            kept: BTreeMap::new(),
            rounds: BTreeMap::new(),
            levels: BTreeMap::new(),
            offers: BTreeMap::new(),
            connections: BTreeMap::new(),
            rng: cast::rng(facts.seed, cell, "player"),
            marks: Mint::new(facts.seed, &domain),
            ids: BTreeMap::new(),
            direct: matches!(front, Front::Nothing),
            started: Instant::now(),
        }
    }

    /// Plays all steps, and tells how long each of them took.
    pub async fn play(mut self) -> BTreeMap<usize, Duration> {
        let mut took = BTreeMap::new();
        for (number, step) in self.cell.scenario.steps.iter().enumerate() {
            if self.alone.is_some_and(|user| !self.belongs_to(&step.action, &step.expect, user)) {
                continue;
            }
            let began = self.elapsed();
            let outcome = self.act(number, step).await;
            took.insert(number, self.elapsed().saturating_sub(began));
            self.stage.recorder.record(Event::Step { step: number, outcome });
        }
        self.stage.pace.settle().await;
        took
    }

    /// Virtual or real time since the cell began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn fake(&self, upstream: &str) -> Option<&Fake> {
        self.stage.fakes.get(upstream).map(AsRef::as_ref)
    }

    pub(super) fn next_mark(&mut self) -> String {
        self.marks.next_mark()
    }

    pub(super) fn next_id(&mut self, actor: &Actor, upstream: &str) -> Value {
        let next = self.ids.entry((actor.clone(), upstream.to_owned())).or_insert(FIRST_ID);
        let id = *next;
        *next += 1;
        id.into()
    }

    /// The bearer token an actor presents: the key for the hub, or straight at an upstream the
    /// credential that the hub would use for them.
    pub(super) fn token(&self, actor: &Actor, upstream: &str) -> Option<String> {
        if self.direct {
            return self.facts.expected_token(&actor.user, upstream).map(str::to_owned);
        }
        self.facts.keys.get(&actor.to_string()).cloned()
    }

    /// `$canary` and `$kept` forms replaced, all the way down.
    pub(super) fn fill(&self, actor: &Actor, arguments: &Map<String, Value>) -> Map<String, Value> {
        arguments.iter().map(|(name, value)| (name.clone(), self.fill_value(actor, value))).collect()
    }

    pub(super) fn fill_text(&self, actor: &Actor, text: &str) -> String {
        let text = canary::expand(text, actor, |who, series| self.facts.canary(who, series).map(str::to_owned));
        canary::hand_in(&text, |label| self.kept.get(label).cloned())
    }

    pub(super) fn fill_value(&self, actor: &Actor, value: &Value) -> Value {
        match value {
            Value::String(text) => self.fill_text(actor, text).into(),
            Value::Array(items) => items.iter().map(|item| self.fill_value(actor, item)).collect(),
            Value::Object(fields) => Value::Object(self.fill(actor, fields)),
            other => other.clone(),
        }
    }

    /// Sends one request of an actor on a connection that is kept under this name.
    pub(super) fn send_on(&mut self, name: &str, address: Address, outgoing: Outgoing) -> Result<Call, Outcome> {
        let kept = self.connections.entry(name.to_owned()).or_default().clone();
        let endpoint = self.stage.endpoints.get(&address.route).ok_or(Outcome::Done)?;
        let endpoint = Endpoint { kept: Some(kept), ..endpoint.clone() };
        let outgoing = endpoint.address(outgoing);
        Ok(Call::send(&self.stage.recorder, endpoint, address, outgoing))
    }

    /// Sends one request of an actor.
    pub(super) fn send(&self, address: Address, outgoing: Outgoing) -> Result<Call, Outcome> {
        let endpoint = self.stage.endpoints.get(&address.route).ok_or(Outcome::Done)?;
        let outgoing = endpoint.address(outgoing);
        Ok(Call::send(&self.stage.recorder, endpoint.clone(), address, outgoing))
    }

    pub(super) fn address(
        &self,
        step: usize,
        actor: &Actor,
        route: &str,
        purpose: Purpose,
        mark: Option<String>,
    ) -> Address {
        let route = route.to_owned();
        Address { actor: actor.clone(), upstream: route.clone(), route, step, purpose, mark }
    }

    /// The route on which a request travels: a control run knows only the upstreams' own.
    pub(super) fn route<'r>(&self, request: &'r Request) -> &'r str {
        request.via.as_deref().filter(|_| !self.direct).unwrap_or(&request.upstream)
    }

    /// A tool's or prompt's name as it is told on the way that a request takes.
    pub(super) fn told(&self, request: &Request, bare: &str) -> String {
        match &request.via {
            Some(_) if !self.direct => self.facts.told(&request.upstream, bare),
            _ => bare.to_owned(),
        }
    }

    /// In which era an actor speaks.
    pub(super) fn era_of(&self, actor: &Actor) -> Era {
        self.facts.era_of(actor)
    }

    /// The revision header, which the oldest revision does not have.
    pub(super) fn revision(&self, actor: &Actor) -> Option<String> {
        let revision = self.facts.revision_of(actor);
        (revision != Revision::March2025.to_string()).then_some(revision)
    }

    /// What an actor says of itself with every request, in the stateless era.
    pub(super) fn itself(&self, actor: &Actor) -> Option<Itself> {
        let offers = self.offers.get(actor).cloned();
        (self.era_of(actor) == Era::Stateless).then_some(Itself { offers, level: None })
    }

    /// What an actor presents inside their own session, which is opened if need be; a stateless one needs none.
    pub(super) async fn in_session(
        &mut self,
        step: usize,
        actor: &Actor,
        upstream: &str,
    ) -> Result<Credentials, NoSession> {
        let itself = self.itself(actor);
        if itself.is_none() && self.sessions.open(actor, upstream).is_none() {
            let opening = Opening { purpose: Purpose::Handshake, id: None, offers: None };
            self.initialize(step, actor, upstream, opening).await?;
        }
        let session = self.sessions.open(actor, upstream).flatten().map(str::to_owned);
        Ok(Credentials { token: self.token(actor, upstream), session, revision: self.revision(actor), itself })
    }

    /// `initialize`, then `notifications/initialized`: a new session, whatever the actor had before. In the stateless era
    /// `server/discover`, which opens nothing; what the client offers, it says with every request from then on.
    pub(super) async fn initialize(
        &mut self,
        step: usize,
        actor: &Actor,
        upstream: &str,
        opening: Opening<'_>,
    ) -> Result<Exchange, NoSession> {
        let Opening { purpose, id, offers } = opening;
        let mark = self.next_mark();
        let id = id.unwrap_or_else(|| self.next_id(actor, upstream));
        let knock = Credentials { token: self.token(actor, upstream), ..Credentials::default() };
        let address = self.address(step, actor, upstream, purpose, Some(mark.clone()));
        if self.era_of(actor) == Era::Stateless {
            self.offers.extend(offers.map(|offers| (actor.clone(), offers.to_vec())));
            let credentials = Credentials { revision: self.revision(actor), itself: self.itself(actor), ..knock };
            let outgoing = envelope::write(&credentials, "server/discover", Some(&id), Map::new(), &mark);
            let mut call = self.send(address, outgoing).map_err(NoSession)?;
            let outcome = call.outcome(self.stage.pace).await;
            return if call.known().is_some() { Ok(call.exchange) } else { Err(NoSession(outcome)) };
        }
        let revision = self.facts.revision_of(actor);
        let body = envelope::message("initialize", Some(&id), envelope::initialize(&revision, offers), &mark);
        let mut call = self.send(address, envelope::post(&knock, body)).map_err(NoSession)?;
        let outcome = call.outcome(self.stage.pace).await;
        let Some(Ok(reply)) = call.known() else { return Err(NoSession(outcome)) };
        if !welcome(reply) {
            return Err(NoSession(outcome));
        }
        let session = reply.headers.iter().find(|(name, _)| name == "mcp-session-id").map(|(_, id)| id.clone());
        self.sessions.opened(actor, upstream, session.clone());
        let credentials = Credentials { session, revision: self.revision(actor), ..knock };
        let mark = self.next_mark();
        let body = envelope::message("notifications/initialized", None, Map::new(), &mark);
        let address = self.address(step, actor, upstream, Purpose::Handshake, Some(mark));
        let mut notified = self.send(address, envelope::post(&credentials, body)).map_err(NoSession)?;
        notified.ended(self.stage.pace).await;
        Ok(call.exchange)
    }
}

/// Whether `initialize` was answered with a result.
fn welcome(reply: &Reply) -> bool {
    let answer = rpc::answer_of(reply.status, &reply.headers, &reply.body);
    reply.status == 200 && rpc::response(&answer).is_some_and(|response| rpc::failure(&response).is_none())
}

/// The labels of calls that their own clients take back, which a control run leaves out.
fn withdrawn(cell: &Cell) -> BTreeSet<String> {
    let steps = cell.scenario.steps.iter();
    let labels = steps.filter_map(|step| match &step.action {
        Action::Cancel(label) | Action::Drop(label) => Some(label.value.clone()),
        _ => None,
    });
    labels.collect()
}
