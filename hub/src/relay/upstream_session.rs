//! The session that a client session has at an upstream: opened with the client's own `initialize`, used by all its
//! calls there, closed with it.

use std::{collections::BTreeSet, sync::Arc};

use super::{Errand, bridge, negotiate, transport};
use crate::{
    config::{Reached, SpokenTo},
    downstream::{self, Greeting, REVISIONS, Session, Standing},
    envelope::{Message, Object},
    era::{Era, Meta, STATELESS, meta, results},
    hub::Hub,
    isolation::{Rule, Serial, Slot, Slots},
    upstream::{Fault, Transport, headers::Spoken},
};

/// What the hub says after an `initialize` that no client of its own sent.
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A session at an upstream.
#[derive(Debug)]
pub(crate) struct UpstreamSession {
    /// At which server.
    pub(crate) server: Arc<str>,
    /// Its id there; empty where the upstream gives none.
    pub(crate) id: String,
    /// The way to it.
    pub(crate) transport: Transport,
    /// How it is spoken to.
    pub(crate) era: Era,
    /// The revision that was negotiated.
    pub(crate) revision: String,
    /// The upstream's answer to `initialize`, as it came.
    pub(crate) welcome: String,
    /// The capabilities that the upstream declared, by name.
    pub(crate) offers: BTreeSet<String>,
    /// Counts the ids of its requests.
    pub(crate) ids: Serial,
    /// Its place under the server's cap; none where nothing is kept there.
    slot: Option<Slot>,
}

impl UpstreamSession {
    /// What stands in the place of a session at a server that keeps none.
    pub(super) fn none_at(server: &Arc<str>, transport: Transport) -> Self {
        Self {
            server: server.clone(),
            id: String::new(),
            transport,
            era: Era::Stateless,
            revision: STATELESS.to_owned(),
            welcome: String::new(),
            offers: BTreeSet::new(),
            ids: Serial::default(),
            slot: None,
        }
    }

    /// How its requests are spoken.
    pub(super) fn spoken(&self) -> Spoken<'_> {
        match self.era {
            Era::Stateful => Spoken::InSession { id: &self.id, revision: &self.revision },
            Era::Stateless => Spoken::Stateless,
        }
    }

    /// Gives its place under the server's cap back.
    fn give_back(&self) {
        self.slot.iter().for_each(Slot::give_back);
    }

    /// The id of its next request. Where there is no session, requests of everybody lie open side by side: then no two
    /// in this hub have the same.
    pub(super) fn next_id(&self, hub: &Hub) -> u64 {
        match self.era {
            Era::Stateful => self.ids.next(),
            Era::Stateless => hub.calls.next(),
        }
    }
}

/// The upstream session of a client session at a server. Where there is none any more, the hub opens it anew in the
/// client's words, who has ended its own handshake long ago.
pub(crate) async fn of(errand: &Errand) -> Result<Arc<UpstreamSession>, Fault> {
    opened(errand, Greeting::OfTheHub).await
}

/// The same when the session begins.
pub(crate) async fn first(errand: &Errand) -> Result<Arc<UpstreamSession>, Fault> {
    opened(errand, errand.session.greeting).await
}

async fn opened(errand: &Errand, greeting: Greeting) -> Result<Arc<UpstreamSession>, Fault> {
    if errand.session.standing == Standing::Moment {
        return Ok(Arc::new(UpstreamSession::none_at(&errand.server, transport::of_moment(errand).await?)));
    }
    // Boxed, what takes long: most find it open, and must not carry what opening would take.
    if !errand.hub.isolation.keeps(Rule::KeepUpstreamSession) {
        return Box::pin(open(errand.clone(), greeting)).await;
    }
    let (table, place) = (&errand.hub.upstream_sessions, errand.place());
    if let Some(open) = table.get(&place, &errand.server).await? {
        return Ok(open);
    }
    let owned = errand.clone();
    let opening = async move { Box::pin(open(owned, greeting)).await };
    let (hub, session) = (errand.hub.clone(), errand.session.clone());
    let abandon = move |upstream| close(&hub, &session, vec![upstream]);
    let opened = table.get_or_open(&place, errand.server.clone(), opening, abandon).await;
    opened.map_err(|fault| if errand.session.life.has_ended() { Fault::SessionEnded } else { fault })
}

/// Sends the client's `initialize`, and gives up when the upstream takes too long.
async fn open(errand: Errand, greeting: Greeting) -> Result<Arc<UpstreamSession>, Fault> {
    if errand.session.life.has_ended() {
        return Err(Fault::SessionEnded); // A session that has been cleared away must not begin anything.
    }
    // A client is first spoken for in its own era: whoever speaks both is best met without a bridge.
    let spoken_to = match errand.session.standing {
        Standing::Client => errand.hub.server(&errand.server)?.era,
        Standing::Bridged | Standing::Moment => SpokenTo::Stateful,
    };
    let by_http = matches!(errand.hub.server(&errand.server)?.reached, Reached::Http(_));
    if spoken_to == SpokenTo::Stateless && by_http {
        return in_time(&errand, discover(&errand, Transport::Http, None)).await;
    }
    let Some(slot) = slots(&errand).await?.take() else {
        let lent = somebodys(&errand).filter(|_| !errand.hub.isolation.keeps(Rule::CapLendsNobodysSession));
        return lent.ok_or(Fault::Full);
    };
    let way = transport::of_session(&errand).await?;
    if spoken_to == SpokenTo::Stateless {
        return in_time(&errand, discover(&errand, way, Some(slot))).await;
    }
    let opened = in_time(&errand, initialize(&errand, way.clone(), slot, greeting)).await;
    let refused = spoken_to == SpokenTo::Auto && knows_no_sessions(&opened);
    if refused && negotiate::era(&errand, Some(&way)).await == Ok(Era::Stateless) {
        drop(opened); // Its place is free again.
        let slot = if by_http { None } else { Some(slots(&errand).await?.take().ok_or(Fault::Full)?) };
        return in_time(&errand, discover(&errand, way, slot)).await;
    }
    opened
}

/// Gives up when the upstream takes too long.
async fn in_time<T>(errand: &Errand, opening: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(errand.hub.config.limits.call_timeout, opening).await.map_err(|_| Fault::TimedOut)?
}

/// Whether this may be what a server says to `initialize` that knows no sessions.
fn knows_no_sessions(opened: &Result<Arc<UpstreamSession>, Fault>) -> bool {
    match opened {
        Ok(opened) => Object::read(&opened.welcome).is_ok_and(|answer| answer.get("error").is_some()),
        Err(fault) => matches!(fault, Fault::Status(400..=499) | Fault::Garbage { .. } | Fault::NoAnswer),
    }
}

/// Asks a server of the stateless era what it is. Nothing is opened there: what it says is kept for the session, in the
/// words that it would have been welcomed with.
async fn discover(errand: &Errand, way: Transport, slot: Option<Slot>) -> Result<Arc<UpstreamSession>, Fault> {
    let garbage = |detail: &str| Fault::Garbage { detail: detail.into() };
    let answer = ask_stateless(errand, way.clone(), "server/discover", &errand.session.meta()).await?;
    let object = Object::read(&answer).map_err(|error| garbage(&error.to_string()))?;
    let revision = errand.session.revision();
    let (welcome, offers) = match object.get("result") {
        None => (results::for_stateful("server/discover", &answer), BTreeSet::new()),
        Some(result) => {
            let said = Object::read(result).map_err(|error| garbage(&error.to_string()))?;
            let capabilities = said.get("capabilities").unwrap_or("{}");
            let offers = Object::read(capabilities).map_err(|error| garbage(&error.to_string()))?;
            let offers = offers.keys().map(str::to_owned).collect();
            (bridge::welcome(&said, capabilities, revision), offers)
        }
    };
    Ok(Arc::new(UpstreamSession {
        welcome,
        offers,
        revision: revision.to_owned(),
        slot,
        ..UpstreamSession::none_at(&errand.server, way)
    }))
}

/// What a server of the stateless era answers to a request without params.
pub(super) async fn ask_stateless(errand: &Errand, way: Transport, method: &str, says: &Meta) -> Result<String, Fault> {
    let id = errand.hub.calls.next();
    let question = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#);
    let question = Message::read(&question).map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let upstream = UpstreamSession::none_at(&errand.server, way);
    let mut frames = errand.send(&upstream, meta::put_in(&question, says)).await?.frames;
    while let Some(frame) = frames.next().await? {
        if Message::read(&frame).is_ok_and(|message| message.answers(id)) {
            return Ok(frame);
        }
    }
    Err(Fault::NoAnswer)
}

/// What is left under the server's cap. It is nobody's, and outlives every session.
pub(super) async fn slots(errand: &Errand) -> Result<Slots, Fault> {
    let (hub, cap) = (&errand.hub, errand.hub.config.limits.upstream_sessions_per_server);
    let place = hub.place(&errand.caller, &errand.server);
    Ok(hub.upstream_slots.get_or_insert_with(&place, (), || Slots::new(cap)).await?)
}

/// The oldest session at this server, whoever is using it.
pub(super) fn somebodys(errand: &Errand) -> Option<Arc<UpstreamSession>> {
    errand.hub.upstream_sessions.everything().into_iter().find(|upstream| upstream.server == errand.server)
}

/// Opens it. Where that fails, the place under the cap is free again.
async fn initialize(
    errand: &Errand,
    way: Transport,
    slot: Slot,
    greeting: Greeting,
) -> Result<Arc<UpstreamSession>, Fault> {
    let garbage = |detail: &str| Fault::Garbage { detail: detail.into() };
    let ids = Serial::default();
    let id = ids.next();
    let hello =
        Message::read(&errand.session.opening).map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let answer = errand.greet(&way, hello.with_id(&id.to_string())).await?;
    let (upstream_id, mut frames) = (answer.session()?, answer.frames);
    while let Some(frame) = frames.next().await? {
        let message = Message::read(&frame).map_err(|error| garbage(&error.to_string()))?;
        if !message.answers(id) {
            continue;
        }
        let (revision, offers) =
            negotiated(&frame).ok_or_else(|| garbage("no protocol revision that this hub speaks"))?;
        let server = errand.server.clone();
        let opened = Arc::new(UpstreamSession {
            server,
            id: upstream_id,
            transport: way,
            era: Era::Stateful,
            revision,
            welcome: frame,
            offers,
            ids,
            slot: Some(slot),
        });
        if greeting == Greeting::OfTheHub {
            errand.send(&opened, INITIALIZED.to_owned()).await?;
        }
        return Ok(opened);
    }
    Err(Fault::NoAnswer)
}

/// Revision and capabilities; also where the upstream answered with an error, which then has none.
fn negotiated(frame: &str) -> Option<(String, BTreeSet<String>)> {
    let answer = Object::read(frame).ok()?;
    let Some(result) = answer.get("result") else { return Some((REVISIONS[0].to_owned(), BTreeSet::new())) };
    let result = Object::read(result).ok()?;
    let revision = result.string("protocolVersion").filter(|revision| REVISIONS.contains(&revision.as_str()))?;
    let offers = result.get("capabilities").and_then(|raw| Object::read(raw).ok());
    Some((revision, offers.map(|offers| offers.keys().map(str::to_owned).collect()).unwrap_or_default()))
}

/// What a fault says of the session in which it happened, if anything: that its upstream has forgotten it, or that its child
/// has died.
pub(super) async fn lost(errand: &Errand, upstream: &Arc<UpstreamSession>, fault: &Fault) {
    match fault {
        Fault::SessionLost => forgotten(errand, upstream).await,
        Fault::Died => died(errand, upstream).await,
        _ => {}
    }
}

/// The upstream has forgotten this session. On a route of one server the client's session goes with it: its client must
/// learn that what it did is lost, and begin anew. On a route of several the others are well, and this one is opened
/// anew when it is next needed.
pub(super) async fn forgotten(errand: &Errand, upstream: &Arc<UpstreamSession>) {
    let (hub, session, server) = (&errand.hub, &errand.session, &errand.server);
    tracing::info!(%server, session = %session.name, "the upstream has forgotten a session");
    match session.greeting {
        Greeting::OfTheClient => downstream::end(hub, session).await,
        Greeting::OfTheHub => {
            let only_what_was_lost = hub.isolation.keeps(Rule::ForgetOnlyWhatWasLost);
            forget(errand, |kept| Arc::ptr_eq(kept, upstream) || !only_what_was_lost).await;
        }
    }
}

/// A child has died, and what it remembered with it. Its calls in flight are told so; the next request of its owner starts
/// another.
pub(super) async fn died(errand: &Errand, upstream: &Arc<UpstreamSession>) {
    let (hub, session, server) = (&errand.hub, &errand.session, &errand.server);
    tracing::info!(%server, session = %session.name, "the child of a session has died");
    if session.standing != Standing::Moment && hub.isolation.keeps(Rule::StartAnewWhatDied) {
        forget(errand, |kept| Arc::ptr_eq(kept, upstream)).await;
    }
}

/// Forgets the session at an upstream if it is the one that is meant: who comes late with such news takes nothing from
/// whoever did so already.
async fn forget(errand: &Errand, meant: impl Fn(&Arc<UpstreamSession>) -> bool) {
    match errand.hub.upstream_sessions.remove_if(&errand.place(), &errand.server, meant).await {
        Ok(lost) => lost.iter().for_each(|lost| lost.give_back()),
        Err(error) => tracing::error!(%error, "forgetting an upstream session"),
    }
}

/// Ends upstream sessions whose owner is gone. What goes wrong here is nobody's business any more.
pub(crate) fn close(hub: &Arc<Hub>, session: &Arc<Session>, upstreams: Vec<Arc<UpstreamSession>>) {
    for upstream in upstreams {
        upstream.give_back();
        if let Some(child) = upstream.transport.child() {
            child.end();
            continue;
        }
        if upstream.era == Era::Stateless {
            continue; // There is nothing to close.
        }
        let errand = Errand::of_owner(hub, session, &upstream.server);
        tokio::spawn(async move {
            let closing = errand.leave(&upstream);
            match tokio::time::timeout(errand.hub.config.limits.call_timeout, closing).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => tracing::debug!(server = %upstream.server, %fault, "closing an upstream session"),
                Err(_) => tracing::debug!(server = %upstream.server, "closing an upstream session took too long"),
            }
        });
    }
}
