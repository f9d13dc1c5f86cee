//! Lists and resources given again to who was given them, for as long as the operator allows. Never an answer to a
//! call: what a tool does, it does each time.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Errand, rounds::wish};
use crate::{
    catalog::List,
    downstream::Standing,
    envelope::{Kind, Message, Object},
    hub::Hub,
    isolation::Barred,
    upstream::Fault,
};

/// A longer answer is not kept, in bytes: a cache must not be a way to fill memory.
const LONGEST: usize = 256 << 10;

/// What is asked: server, and method with params, but for `_meta`.
pub(crate) type Asked = (Arc<str>, String);

/// An answer that may be given again.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    text: Arc<str>,
    until: Instant,
}

/// A question whose answer may be kept.
#[derive(Debug)]
pub(super) struct Key {
    asked: Asked,
    kind: What,
    time: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    List,
    Resource,
}

impl Key {
    /// The key of a request; `None` where nothing is kept.
    pub(super) fn of(errand: &Errand, message: &Message<'_>) -> Option<Self> {
        let time = errand.hub.config.servers.get(&errand.server)?.cache?;
        let Kind::Request { method, .. } = &message.kind else { return None };
        if message.param("inputResponses").or(message.param("requestState")).is_some() {
            return None; // What somebody has added on the way is in the answer.
        }
        let kind = match method.as_str() {
            "resources/read" => What::Resource,
            method => List::of(method).map(|_| What::List)?,
        };
        let params = message.params.map(Object::read).transpose().ok()?;
        let params = params.map(|params| params.without(&["_meta"])).unwrap_or_else(|| "{}".to_owned());
        // In the stateless era an answer may depend on what the very request declares.
        let declared = match errand.session.standing {
            Standing::Client => String::new(),
            Standing::Moment | Standing::Bridged => format!(" {:?}", errand.session.offers),
        };
        Some(Self { asked: (errand.server.clone(), format!("{method} {params}{declared}")), kind, time })
    }
}

/// An answer that was kept and is fresh.
pub(super) async fn fresh(errand: &Errand, key: Option<&Key>) -> Result<Option<Arc<str>>, Fault> {
    let Some(key) = key else { return Ok(None) };
    let (hub, place) = (&errand.hub, errand.place());
    let kept = match key.kind {
        What::List => hub.list_cache.get(&place, &key.asked).await?,
        What::Resource => hub.read_cache.get(&place, &key.asked).await?,
    };
    Ok(kept.filter(|kept| kept.until > Instant::now()).map(|kept| kept.text))
}

/// Keeps an answer, if it is one that may be given again.
pub(super) async fn keep(errand: &Errand, key: Option<&Key>, answer: &str) -> Result<(), Fault> {
    let Some(key) = key else { return Ok(()) };
    let good = Object::read(answer).is_ok_and(|answer| answer.get("result").is_some()) && wish(answer).is_none();
    if !good || answer.len() > LONGEST {
        return Ok(());
    }
    let kept = Kept { text: answer.into(), until: Instant::now() + key.time };
    let (hub, place) = (&errand.hub, errand.place());
    let put = match key.kind {
        What::List => hub.list_cache.insert(&place, key.asked.clone(), kept).await,
        What::Resource => hub.read_cache.insert(&place, key.asked.clone(), kept).await,
    };
    match put {
        Ok(()) | Err(Barred::Ended) => Ok(()), // Nobody is left to be given it again; the answer itself is as good.
        Err(error) => Err(error.into()),
    }
}

/// A server said that its lists or resources are no longer what they were.
pub(super) fn forget_what_changed(errand: &Errand, method: &str) {
    let server = &errand.server;
    if method.ends_with("/list_changed") {
        errand.hub.list_cache.discard(|(of, _), _| of == server);
    }
    if method.starts_with("notifications/resources/") {
        errand.hub.read_cache.discard(|(of, _), _| of == server);
    }
}

/// Throws away what is no longer fresh.
pub(crate) fn sweep(hub: &Hub) {
    let now = Instant::now();
    hub.list_cache.discard(|_, kept| kept.until <= now);
    hub.read_cache.discard(|_, kept| kept.until <= now);
}
