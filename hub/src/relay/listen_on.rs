//! What a client session of the stateful era needs at a server that keeps no sessions: its listening stream, its
//! subscriptions and its log level, all kept here.
//!
//! The stream is fed by one listen upstream, which names what the server offers and what the session has subscribed to.
//! When a subscription changes, another listen is begun, and the one before ends when the server has agreed to it: so
//! nothing is missed in between, and the client is answered when its subscription holds.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{
    Errand, Heard, UpstreamSession,
    listen::{Listener, PAUSE, TRIES},
    request,
    subscribe::{self, Ear, Filter},
    upstream_session,
};
use crate::{
    envelope::{Kind, Message, Object},
    era::{
        Era, Level,
        meta::{self, SUBSCRIPTION},
    },
    isolation::{Backlog, Held, table::UpstreamListens},
    upstream::Fault,
};

/// A wish to have a listen begun anew; answered when the server has agreed.
pub(crate) type Renew = oneshot::Sender<()>;

/// What became of a request that the hub settles itself: `None` where it is none of these, or the reason against it.
type Settled = Option<Result<(), &'static str>>;

/// Remembers from which level on a session wants to be told log messages, where the server keeps no sessions.
pub(crate) async fn set_level(errand: &Errand, message: &Message<'_>) -> Result<Settled, Fault> {
    if upstream_session::of(errand).await?.era == Era::Stateful {
        return Ok(None);
    }
    let level = message.string_param("level").and_then(|(_, level)| Level::read(&level));
    let Some(level) = level else { return Ok(Some(Err("`level` must be one of the log levels"))) };
    errand.hub.log_levels.insert(&errand.place(), errand.server.clone(), level).await?;
    Ok(Some(Ok(())))
}

/// Subscribes a session to a resource, or no longer, where the server keeps no sessions.
pub(crate) async fn subscription(errand: &Errand, message: &Message<'_>, method: &str) -> Result<Settled, Fault> {
    if upstream_session::of(errand).await?.era == Era::Stateful {
        return Ok(None);
    }
    let Some((_, uri)) = message.string_param("uri") else { return Ok(Some(Err("`uri` must be a string"))) };
    let (table, place) = (&errand.hub.resource_subscriptions, errand.place());
    let name = (errand.server.clone(), uri);
    match method {
        "resources/subscribe" => table.insert(&place, name.clone(), name.1.as_str().into()).await?,
        _ => drop(table.remove(&place, &name).await?),
    }
    if let Some(renew) = errand.hub.upstream_listens.get(&place, &errand.server).await? {
        let (done, renewed) = oneshot::channel();
        if renew.send(done).await.is_ok() {
            let limit = errand.hub.config.limits.call_timeout;
            // A listen that has ended meanwhile is begun with the new subscription when it is next needed.
            let _ = tokio::time::timeout(limit, renewed).await.map_err(|_| Fault::TimedOut)?;
        }
    }
    Ok(Some(Ok(())))
}

/// Begins to feed a session's listening stream.
pub(super) async fn begin(listener: Listener, stream: &Arc<Backlog>) -> Result<(), Fault> {
    let errand = listener.errand.clone();
    if !offered(&listener.upstream).names_any() && !may_subscribe(&listener.upstream) {
        return Err(Fault::Status(405));
    }
    let ear = open(&errand, &listener.upstream).await?;
    let (renew, renewals) = mpsc::channel(1);
    let held = errand.hub.upstream_listens.hold(&errand.place(), errand.server.clone(), renew).await?;
    let (stream, session) = (stream.clone(), errand.session.clone());
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = session.life.ended() => {}
            () = keep(listener, ear, renewals, held) => {}
        }
        stream.starve();
    });
    Ok(())
}

/// Hears what the server tells until the listen is lost for good.
async fn keep(
    listener: Listener,
    mut ear: Ear,
    mut renewals: mpsc::Receiver<Renew>,
    _held: Held<UpstreamListens, mpsc::Sender<Renew>>,
) {
    let (errand, mut tries) = (listener.errand.clone(), 0);
    loop {
        let told = tokio::select! {
            biased;
            Some(done) = renewals.recv() => {
                match open(&errand, &listener.upstream).await {
                    Ok(renewed) => ear = renewed,
                    Err(fault) => tracing::debug!(server = %errand.server, %fault, "a listen was not begun anew"),
                }
                let _ = done.send(()); // Whoever waits may have gone.
                continue;
            }
            told = ear.next() => told,
        };
        match told {
            // That the listen is over concerns the hub, which begins another: the session has asked for none.
            Some(told) if is_answer(&told) => {}
            Some(told) => {
                tries = 0;
                if let Err(fault) = listener.tell(without_tag(&told)).await {
                    return tracing::debug!(server = %errand.server, %fault, "nobody is there to be told");
                }
            }
            None => {
                ear = loop {
                    if tries == TRIES {
                        return;
                    }
                    tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                    tries += 1;
                    match open(&errand, &listener.upstream).await {
                        Ok(ear) => break ear,
                        Err(Fault::Died) => return upstream_session::died(&errand, &listener.upstream).await,
                        Err(fault) => tracing::debug!(server = %errand.server, %fault, "listening again"),
                    }
                };
            }
        }
    }
}

/// Begins a listen with everything that the session has subscribed to, and waits until the server has agreed.
async fn open(errand: &Errand, upstream: &UpstreamSession) -> Result<Ear, Fault> {
    let uris = errand.hub.resource_subscriptions.in_scope(&errand.place()).await?;
    let filter = Filter { uris: uris.iter().map(ToString::to_string).collect(), ..offered(upstream) };
    let params = format!(r#"{{"notifications":{}}}"#, filter.written());
    let text = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"subscriptions/listen","params":{params}}}"#);
    let internal = |error: crate::envelope::Malformed| Fault::Internal { detail: error.to_string() };
    let text = meta::put_in(&Message::read(&text).map_err(internal)?, &request::said(errand).await?);
    let opening = async {
        match subscribe::own(errand, upstream, &Message::read(&text).map_err(internal)?).await? {
            Heard::Refused(_) => Err(Fault::Status(405)),
            Heard::Stream(mut ear) => match ear.next().await {
                Some(_) => Ok(ear), // What is told first is that it has begun.
                None => Err(Fault::NoAnswer),
            },
        }
    };
    let limit = errand.hub.config.limits.call_timeout;
    tokio::time::timeout(limit, opening).await.map_err(|_| Fault::TimedOut)?
}

/// What a server has said that it tells of.
fn offered(upstream: &UpstreamSession) -> Filter {
    Filter::of_everything().narrowed_to(&upstream.welcome)
}

fn may_subscribe(upstream: &UpstreamSession) -> bool {
    let uris = vec![String::new()];
    !Filter { uris, ..Filter::default() }.narrowed_to(&upstream.welcome).uris.is_empty()
}

fn is_answer(told: &str) -> bool {
    Message::read(told).is_ok_and(|message| matches!(message.kind, Kind::Response { .. }))
}

/// A notification without the mark that only the stateless era knows.
fn without_tag(told: &str) -> String {
    let Ok(message) = Message::read(told) else { return told.to_owned() };
    let meta = message.param("_meta").and_then(|raw| Some((raw, Object::read(raw).ok()?)));
    match meta {
        Some((raw, meta)) => message.with_part(raw, &meta.without(&[SUBSCRIPTION])),
        None => told.to_owned(),
    }
}
