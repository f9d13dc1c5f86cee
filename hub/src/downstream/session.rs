//! A client session: bound to a person, a key and a route; its beginning and its end.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::{Checked, REVISIONS};
use crate::{
    catalog::{self, Reach, Route},
    envelope::{Message, Object},
    era::{Meta, STATELESS},
    hub::Hub,
    identity::Caller,
    isolation::{Activity, Life, Place, Rule, Serial, Slot, Slots},
    relay::{self, Bridge, UpstreamSession, Visit},
    upstream::Fault,
};

/// A client session.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its id, by which it is also known inside the hub, and whether it has ended.
    pub(crate) life: Life,
    /// Whose it is.
    pub(crate) caller: Caller,
    /// On which route.
    pub(crate) route: Arc<str>,
    /// What upstreams are told in its place.
    pub(crate) name: String,
    /// The `initialize` that opened it, as it goes upstream.
    pub(crate) opening: String,
    /// What it stands for.
    pub(crate) standing: Standing,
    /// What it is called among those that the hub holds itself.
    bridge: Option<Bridge>,
    /// Who says to an upstream that the handshake is over.
    pub(crate) greeting: Greeting,
    /// The capabilities that its client declares: a JSON object.
    pub(crate) declared: String,
    /// What upstreams may ask of its client, by capability.
    pub(crate) offers: BTreeSet<String>,
    /// Counts what its client is asked.
    pub(crate) questions: Serial,
    /// Counts its event streams.
    pub(crate) streams: Serial,
    /// The revision of this session, where the hub itself negotiated it.
    revision: &'static str,
    /// When it was used, and how much of it is in flight.
    pub(crate) activity: Arc<Activity>,
    /// Its place under its user's cap; none for one that evicted another.
    slot: Option<Slot>,
}

/// What a session stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A session that a client of the stateful era has opened.
    Client,
    /// A session that the hub holds at one server for clients of the stateless era.
    Bridged,
    /// One request of the stateless era. There is no session: it has no place in the tables, and nothing outlives it.
    Moment,
}

/// Who ends the handshake with an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// The client, whose own handshake it is.
    OfTheClient,
    /// The hub, which opens upstreams of a merged route when they are first needed.
    OfTheHub,
}

/// A session cannot be opened.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// The user has as many as they may.
    OverCap,
    /// The upstream said so, or could not be asked.
    Fault(Fault),
    /// The upstream answered `initialize` with an error, which is passed on.
    Refused(Arc<UpstreamSession>),
}

impl From<Fault> for NotOpened {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Opens a session here, and at its upstream where there is only one. The answer to `initialize` is the upstream's
/// own, or for several of them the hub's.
pub(super) async fn open(
    checked: &Checked,
    hello: &Message<'_>,
    brought: Option<&str>,
) -> Result<(Arc<Session>, String), NotOpened> {
    let Checked { hub, caller, route, .. } = checked;
    if let Reach::Server(server) = &route.reach {
        hub.acting(caller, server).await?; // Who is not linked is told so before anything goes upstream.
    }
    let slot = slot(hub, caller, route).await?;
    let id = match brought.filter(|_| !hub.isolation.keeps(Rule::MintSessionIds)) {
        Some(id) => id.to_owned(),
        None => hub.mint_session_id()?,
    };
    let session = Arc::new(Session {
        life: caller.life.begin_within(id.as_str().into()),
        caller: caller.clone(),
        route: route.name.clone(),
        name: hub.session_name(&caller.principal, &id),
        opening: opening(hello, &route.reach),
        declared: hello.param("capabilities").unwrap_or("{}").to_owned(),
        offers: offers(hello, &route.reach),
        questions: Serial::default(),
        streams: Serial::default(),
        standing: Standing::Client,
        bridge: None,
        greeting: match route.reach {
            Reach::Server(_) => Greeting::OfTheClient,
            Reach::Merged(_) => Greeting::OfTheHub,
        },
        revision: asked_revision(hello),
        activity: Activity::now(),
        slot,
    });
    let making = Making { hub, session: &session };
    let welcome = match &route.reach {
        Reach::Merged(_) => catalog::welcome(session.revision),
        Reach::Server(server) => {
            let upstream = relay::open_upstream_session(&checked.visit(&session).to(server)).await?;
            if Object::read(&upstream.welcome).is_ok_and(|answer| answer.get("error").is_some()) {
                hub.upstream_sessions.evict(&session.life.end()).await;
                return Err(NotOpened::Refused(upstream));
            }
            relay::without_tasks(&upstream.welcome)
        }
    };
    let place = place(hub, caller, route).in_session(&session.life);
    hub.sessions.insert(&place, name(hub, &route.name, &id), session.clone()).await.map_err(Fault::from)?;
    std::mem::forget(making); // From here on `end` clears it away.
    Ok((session, welcome))
}

impl Session {
    /// What stands in the place of a session for one request of the stateless era. Upstreams are told the same name with
    /// every request that a key makes on a route, since nothing else tells its requests apart.
    ///
    /// # Errors
    /// [`Fault::OverCap`] where the user has as many of them in flight as they may.
    pub(crate) async fn moment(hub: &Hub, caller: &Caller, route: &Route, meta: &Meta) -> Result<Arc<Self>, Fault> {
        let cap = hub.config.limits.requests_per_user;
        let slots = hub.request_slots.get_or_insert_with(&place(hub, caller, route), (), || Slots::new(cap)).await?;
        let slot = slots.take().ok_or(Fault::OverCap)?;
        Ok(Arc::new(Self {
            life: caller.life.begin_within(format!("request {}", hub.calls.next()).into()),
            caller: caller.clone(),
            route: route.name.clone(),
            name: hub.session_name(&caller.principal, &format!("{}\n{}", caller.credential, route.name)),
            opening: String::new(),
            declared: meta.capabilities.clone(),
            offers: declared(&meta.capabilities),
            questions: Serial::default(),
            streams: Serial::default(),
            standing: Standing::Moment,
            bridge: None,
            greeting: Greeting::OfTheHub,
            revision: STATELESS,
            activity: Activity::now(),
            slot: Some(slot),
        }))
    }

    /// What its client says of itself in `initialize`, as a request of the stateless era says it.
    pub(crate) fn meta(&self) -> Meta {
        if self.standing == Standing::Moment {
            return Meta { capabilities: self.declared.clone(), info: None, log_level: None };
        }
        let hello = Message::read(&self.opening).ok();
        let said = |name| hello.as_ref().and_then(|hello| hello.param(name)).filter(|raw| Object::read(raw).is_ok());
        Meta {
            capabilities: said("capabilities").unwrap_or("{}").to_owned(),
            info: said("clientInfo").map(str::to_owned),
            log_level: None,
        }
    }

    /// The revision that its client has asked for.
    pub(crate) fn revision(&self) -> &'static str {
        self.revision
    }

    /// Where its owner stands in a table, `from` being where they stand outside of it.
    pub(crate) fn place(&self, from: Place) -> Place {
        match self.standing {
            Standing::Client | Standing::Bridged => from.in_session(&self.life),
            Standing::Moment => from,
        }
    }
}

/// A session that the hub holds for this client itself. It takes a place under the user's cap like any other.
pub(crate) async fn bridged(visit: &Visit, bridge: Bridge) -> Result<Arc<Session>, Fault> {
    let Visit { hub, caller, session: moment, .. } = visit;
    let cap = hub.config.limits.sessions_per_user;
    let slots = hub.session_slots.get_or_insert_with(&hub.place(caller, &bridge.0), (), || Slots::new(cap)).await?;
    let slot = slots.take().ok_or(Fault::OverCap)?;
    let id = hub.mint_session_id()?;
    Ok(Arc::new(Session {
        life: caller.life.begin_within(id.as_str().into()),
        caller: caller.clone(),
        route: moment.route.clone(),
        name: hub.session_name(&caller.principal, &id),
        opening: relay::hello(&moment.declared, REVISIONS[0]),
        declared: moment.declared.clone(),
        offers: moment.offers.clone(),
        questions: Serial::default(),
        streams: Serial::default(),
        standing: Standing::Bridged,
        bridge: Some(bridge),
        greeting: Greeting::OfTheHub,
        revision: REVISIONS[0],
        activity: Activity::now(),
        slot: Some(slot),
    }))
}

/// The names of the capabilities in an object of them.
fn declared(capabilities: &str) -> BTreeSet<String> {
    let declared = Object::read(capabilities).ok();
    declared.map(|declared| declared.keys().map(str::to_owned).collect()).unwrap_or_default()
}

/// The revision that a session speaks.
pub(super) async fn revision(visit: &Visit, route: &Route) -> Result<String, Fault> {
    match &route.reach {
        Reach::Merged(_) => Ok(visit.session.revision.to_owned()),
        Reach::Server(server) => Ok(relay::upstream_session(&visit.to(server)).await?.revision.clone()),
    }
}

fn place(hub: &Hub, caller: &Caller, route: &Route) -> Place {
    hub.place(caller, &route.name)
}

/// The session with this id, where this caller on this route has one.
pub(super) async fn find(hub: &Hub, caller: &Caller, route: &Route, id: &str) -> Result<Option<Arc<Session>>, Fault> {
    let found = hub.sessions.get(&place(hub, caller, route), &name(hub, &route.name, id)).await?;
    if let Some(session) = &found {
        session.activity.touch();
    }
    Ok(found)
}

/// What a session is called in its table.
fn name(hub: &Hub, route: &Arc<str>, id: &str) -> (Arc<str>, String) {
    let route = if hub.isolation.keeps(Rule::SessionBoundToRoute) { route.clone() } else { "".into() };
    (route, id.to_owned())
}

/// A place under the user's cap. Whoever is over it is refused; nobody else pays.
async fn slot(hub: &Arc<Hub>, caller: &Caller, route: &Route) -> Result<Option<Slot>, NotOpened> {
    let cap = hub.config.limits.sessions_per_user;
    let place = place(hub, caller, route);
    let slots = hub.session_slots.get_or_insert_with(&place, (), || Slots::new(cap));
    let slots = slots.await.map_err(Fault::from)?;
    match slots.take() {
        Some(slot) => Ok(Some(slot)),
        None if hub.isolation.keeps(Rule::CapEvictsNobody) => Err(NotOpened::OverCap),
        None => {
            if let Some(oldest) = hub.sessions.everything().first() {
                end(hub, oldest).await;
            }
            Ok(None)
        }
    }
}

/// What can be asked of a client. On a route of several servers nothing is, since no one of them is the client's peer.
const ASKED: [&str; 3] = ["sampling", "elicitation", "roots"];

/// The client's `initialize` as it goes upstream: with a revision that this hub speaks, and on a route of several
/// servers without what it does not carry there. Every other byte is as it came.
fn opening(hello: &Message<'_>, reach: &Reach) -> String {
    let whole = hello.whole();
    let Some(params) = hello.params else { return whole };
    let Ok(members) = Object::read(params) else { return whole };
    let capabilities = members.get("capabilities").and_then(|raw| Some((raw, Object::read(raw).ok()?)));
    let opening = match (capabilities, reach) {
        (Some((raw, capabilities)), Reach::Merged(_)) => hello.with_part(raw, &capabilities.without(&ASKED)),
        _ => whole,
    };
    match members.string("protocolVersion") {
        Some(asked) if REVISIONS.contains(&asked.as_str()) => opening,
        _ => with_revision(&opening),
    }
}

/// The capabilities that a client declares, where upstreams are told of them.
fn offers(hello: &Message<'_>, reach: &Reach) -> BTreeSet<String> {
    match (hello.param("capabilities"), reach) {
        (Some(capabilities), Reach::Server(_)) => declared(capabilities),
        _ => BTreeSet::new(),
    }
}

/// The revision that a client asks for, if the hub speaks it; otherwise the newest.
fn asked_revision(hello: &Message<'_>) -> &'static str {
    let asked = hello.string_param("protocolVersion").map(|(_, asked)| asked);
    REVISIONS.into_iter().find(|revision| Some(*revision) == asked.as_deref()).unwrap_or(REVISIONS[0])
}

fn with_revision(hello: &str) -> String {
    let revision = format!("\"{}\"", REVISIONS[0]);
    let replaced = Message::read(hello).ok().and_then(|message| {
        let raw = Object::read(message.params?).ok()?.get("protocolVersion")?;
        Some(message.with_part(raw, &revision))
    });
    replaced.unwrap_or_else(|| hello.to_owned())
}

/// A session in the making. A client that leaves before it is told of its session leaves nothing of it behind.
struct Making<'s> {
    hub: &'s Arc<Hub>,
    session: &'s Arc<Session>,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        // At the hub's own end there is no runtime any more, and nobody to be told.
        let Ok(runtime) = Handle::try_current() else { return };
        let (hub, session) = (self.hub.clone(), self.session.clone());
        runtime.spawn(async move { clear_away(&hub, &session).await });
    }
}

/// Ends a session and everything that belongs to it.
pub(crate) async fn end(hub: &Arc<Hub>, session: &Arc<Session>) {
    let place = hub.place(&session.caller, &session.route).in_session(&session.life);
    let removed = match &session.bridge {
        None => hub.sessions.remove(&place, &name(hub, &session.route, session.life.key())).await,
        Some(bridge) => {
            let place = hub.place(&session.caller, &bridge.1);
            hub.bridged_sessions.remove_if(&place, bridge, |held| Arc::ptr_eq(held, session)).await
        }
    };
    if let Err(error) = removed {
        tracing::error!(%error, "ending a session");
    }
    clear_away(hub, session).await;
    tracing::info!(user = %session.caller.principal, route = %session.route, session = %session.name, "session ended");
}

/// Everything that belongs to a session, but for the session itself. Its life ends first, so that whatever begins from
/// now on for this session ends at once. What its calls hold goes with the calls.
async fn clear_away(hub: &Arc<Hub>, session: &Arc<Session>) {
    let ended = session.life.end();
    session.slot.iter().for_each(Slot::give_back);
    let upstreams = hub.upstream_sessions.evict(&ended).await;
    hub.resource_owners.evict(&ended).await;
    hub.reverse_requests.evict(&ended).await;
    hub.replay_events.evict(&ended).await;
    hub.request_states.evict(&ended).await;
    hub.subscriptions.evict(&ended).await;
    hub.log_levels.evict(&ended).await;
    hub.tool_headers.evict(&ended).await;
    hub.resource_subscriptions.evict(&ended).await;
    hub.upstream_listens.evict(&ended).await;
    hub.list_cache.evict(&ended).await;
    hub.read_cache.evict(&ended).await;
    match hub.isolation.keeps(Rule::CloseUpstreamWithOwner) {
        true => relay::close(hub, session, upstreams),
        false => std::mem::forget(upstreams), // Nobody ends them any more.
    }
}

/// Ends sessions that have been idle for too long and forgets answers that are no longer fresh, for as long as the
/// hub runs.
pub(crate) async fn sweep(hub: Arc<Hub>) {
    let idle = hub.config.limits.session_idle;
    if !hub.isolation.keeps(Rule::ReapIdleSessions) {
        return;
    }
    // Often enough that a session outlives its time by a quarter at most.
    let pause = (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(30));
    loop {
        tokio::time::sleep(pause).await;
        relay::sweep_caches(&hub);
        relay::sweep_states(&hub);
        relay::sweep_tasks(&hub);
        relay::sweep_children(&hub);
        hub.client.sweep();
        for session in hub.sessions.everything().into_iter().chain(hub.bridged_sessions.everything()) {
            if session.activity.is_idle(idle, &hub.isolation) {
                end(&hub, &session).await;
            }
        }
    }
}
