//! What an upstream of the stateful era tells, told to clients of the stateless era that listen.
//!
//! All of them that share a session there share its stream too. Each is told what its own filter names, under its own
//! id; one that does not read loses its listen, and holds up nobody.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Errand, LISTENING, listen,
    subscribe::{Filter, Tag},
    upstream_session,
};
use crate::{
    envelope::{Message, Object},
    isolation::{Backlog, Held, Listening, Rule, table::Subscriptions},
    upstream::Fault,
};

/// What waits for a client that reads slowly; with more than that it loses its listen.
const QUEUE: usize = 64;

/// One who listens.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    filter: Filter,
    tell: mpsc::Sender<String>,
    lost: CancellationToken,
}

/// One listen, for as long as it is held.
pub(crate) struct BridgedEar {
    errand: Errand,
    uris: Vec<String>,
    first: Option<String>,
    told: mpsc::Receiver<String>,
    lost: CancellationToken,
    tag: Tag,
    held: Option<Held<Subscriptions, Listener>>,
    _listening: Listening,
}

/// Begins to listen to what the hub's session there is told.
pub(super) async fn begin(errand: &Errand, message: &Message<'_>) -> Result<BridgedEar, Fault> {
    let upstream = upstream_session::of(errand).await?;
    let mut filter = Filter::of(message).narrowed_to(&upstream.welcome);
    if filter.names_any() && !feed(errand).await? {
        filter = Filter::default();
    }
    let (tell, told) = mpsc::channel(QUEUE);
    let lost = CancellationToken::new();
    let number = errand.hub.calls.next();
    let listener = Listener { filter: filter.clone(), tell, lost: lost.clone() };
    let held = errand.hub.subscriptions.hold(&errand.place(), number, listener.clone()).await?;
    let tag = Tag { wire: number, raw_id: message.raw_id().unwrap_or("null").to_owned() };
    let listening = errand.session.activity.listen();
    let mut ear = BridgedEar {
        errand: errand.clone(),
        uris: Vec::new(),
        first: None,
        told,
        lost,
        tag,
        held: Some(held),
        _listening: listening,
    };
    for uri in &filter.uris {
        if set(errand, "resources/subscribe", uri).await? {
            ear.uris.push(uri.clone());
        }
    }
    filter.uris.clone_from(&ear.uris);
    let agreed = format!(r#"{{"notifications":{}}}"#, filter.written());
    let agreed = ear.tag.tagged(&agreed, None).unwrap_or_default();
    let begun = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":"#;
    ear.first = Some(format!("{begun}{agreed}}}"));
    Ok(ear)
}

/// Opens the stream of the session there, where nobody has; false where the upstream has none.
async fn feed(errand: &Errand) -> Result<bool, Fault> {
    let place = errand.visit().place();
    let stream = errand.hub.replay_events.get_or_insert_with(&place, LISTENING, || Backlog::new(LISTENING)).await?;
    if !stream.begin_to_feed() {
        return Ok(true);
    }
    match listen(errand, &stream).await {
        Ok(()) => Ok(true),
        Err(fault) => {
            stream.starve();
            if fault == Fault::Status(405) { Ok(false) } else { Err(fault) }
        }
    }
}

/// Subscribes to a resource, or no longer; whether the upstream agreed.
async fn set(errand: &Errand, method: &str, uri: &str) -> Result<bool, Fault> {
    let params = serde_json::json!({ "uri": uri });
    let request = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"{method}","params":{params}}}"#);
    let answer = super::ask_server(errand, &request).await?;
    Ok(Object::read(&answer).is_ok_and(|answer| answer.get("result").is_some()))
}

/// Tells whoever listens to this session and has asked for it.
pub(super) async fn tell(errand: &Errand, method: &str, text: &str) -> Result<(), Fault> {
    let hub = &errand.hub;
    let listeners = match hub.isolation.keeps(Rule::TellWhomItConcerns) {
        true => hub.subscriptions.in_scope(&errand.place()).await?,
        false => hub.subscriptions.everything(),
    };
    let Ok(message) = Message::read(text) else { return Ok(()) };
    for listener in listeners {
        let wanted = listener.filter.names(method, &message) || !hub.isolation.keeps(Rule::TellWhatWasAsked);
        if wanted && listener.tell.try_send(text.to_owned()).is_err() {
            listener.lost.cancel();
        }
    }
    Ok(())
}

impl BridgedEar {
    /// What the client is told next; `None` at the end. Whoever stops waiting loses nothing.
    pub(super) async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let session = self.errand.session.clone();
        loop {
            let text = tokio::select! {
                biased;
                text = self.told.recv() => text?,
                () = self.lost.cancelled() => return None,
                () = session.life.ended() => return None,
            };
            let Ok(message) = Message::read(&text) else { continue };
            if let Some(told) = self.tag.notification(&message) {
                return Some(told);
            }
        }
    }
}

impl Drop for BridgedEar {
    /// Subscriptions that nobody else of this session has end with the listen.
    fn drop(&mut self) {
        drop(self.held.take());
        let (errand, uris) = (self.errand.clone(), std::mem::take(&mut self.uris));
        if uris.is_empty() || errand.session.life.has_ended() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                for uri in uris {
                    if let Err(fault) = let_go(&errand, &uri).await {
                        tracing::debug!(server = %errand.server, %fault, "ending a subscription");
                    }
                }
            });
        }
    }
}

/// Ends a subscription unless somebody else of the session has it, and takes it up again if somebody wants it meanwhile.
async fn let_go(errand: &Errand, uri: &str) -> Result<(), Fault> {
    let wanted = async || -> Result<bool, Fault> {
        let listeners = errand.hub.subscriptions.in_scope(&errand.place()).await?;
        Ok(listeners.iter().any(|listener| listener.filter.uris.iter().any(|other| other == uri)))
    };
    if wanted().await? {
        return Ok(());
    }
    set(errand, "resources/unsubscribe", uri).await?;
    if wanted().await? {
        set(errand, "resources/subscribe", uri).await?;
    }
    Ok(())
}
