//! Lists and resources given again to who was given them, as the operator and their server allow. Never an answer to a
//! call: what a tool does, it does each time.
//!
//! An answer has its place here from the moment when it is asked for. A server that says that something has changed takes
//! away what was kept, and the places of what is on its way: an answer that finds its place gone is given and not kept.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Errand, rounds::wish};
use crate::{
    catalog::List,
    config::{Credentials, Hints},
    envelope::{Kind, Message, Object, with_part},
    era::{Era, canonical},
    hub::Hub,
    isolation::{
        Barred, Held, Rule,
        table::{ListCache, PublicCache, ReadCache},
    },
    upstream::Fault,
};

/// A longer answer is not kept, in bytes: a cache must not be a way to fill memory.
const LONGEST: usize = 256 << 10;

/// What is asked: server, and method with params, but for `_meta`.
pub(crate) type Asked = (Arc<str>, String);

/// An answer that may be given again, or the place of one that is on its way.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Whose request it answers: a key of a person's.
    credential: Arc<str>,
    principal: Arc<str>,
    server: Arc<str>,
    kind: What,
    /// `None` while it is on its way.
    answer: Option<Answered>,
}

#[derive(Debug, Clone)]
struct Answered {
    text: Arc<str>,
    /// When it was asked for: it may be as old as that.
    since: Instant,
    until: Instant,
}

/// A question whose answer may be kept.
#[derive(Debug)]
pub(super) struct Key {
    asked: Asked,
    kind: What,
    /// How long the operator lets any answer be kept.
    fixed: Option<Duration>,
    hints: Option<Hints>,
    /// Whether others' answers may be given, and this one to others.
    shares: bool,
}

/// A question on its way, whose answer has its places.
pub(super) struct Wanted {
    key: Key,
    since: Instant,
    /// What stands in its places until it comes.
    blank: Kept,
    own: Own,
    public: Option<Held<PublicCache, Kept>>,
}

/// The place of an answer that is its asker's alone.
enum Own {
    List(Held<ListCache, Kept>),
    Resource(Held<ReadCache, Kept>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    List,
    Resource,
}

impl Key {
    /// The key of a request; `None` where nothing is kept.
    pub(super) fn of(errand: &Errand, message: &Message<'_>) -> Option<Self> {
        let server = errand.hub.config.servers.get(&errand.server)?;
        if server.cache.is_none() && server.hints.is_none() {
            return None;
        }
        let Kind::Request { method, .. } = &message.kind else { return None };
        if message.param("inputResponses").or(message.param("requestState")).is_some() {
            return None; // What somebody has added on the way is in the answer.
        }
        let kind = match method.as_str() {
            "resources/read" => What::Resource,
            method => List::of(method).map(|_| What::List)?,
        };
        let params = message.params_without(&["_meta"])?;
        // An answer may depend on what its client declares.
        let declared = match errand.hub.isolation.keeps(Rule::KeepForWhatIsDeclared) {
            true => canonical(&errand.session.declared),
            false => String::new(),
        };
        let asked = (errand.server.clone(), format!("{method} {params} {declared}"));
        let allowed = server.hints.is_some_and(|hints| hints.shares);
        let shares = server.hints.is_some() && (allowed || !errand.hub.isolation.keeps(Rule::ShareOnlyByLeave));
        Some(Self { asked, kind, fixed: server.cache, hints: server.hints, shares })
    }

    /// Gives its answer a place, as long as somebody waits for it.
    pub(super) async fn begin(self, errand: &Errand) -> Result<Wanted, Fault> {
        let (hub, place) = (&errand.hub, errand.place());
        let blank = Kept {
            credential: errand.caller.credential.clone(),
            principal: errand.caller.principal.clone(),
            server: errand.server.clone(),
            kind: self.kind,
            answer: None,
        };
        let public = match self.shares {
            true => Some(hub.public_cache.hold(&place, self.asked.1.clone(), blank.clone()).await?),
            false => None,
        };
        let own = match self.kind {
            What::List => Own::List(hub.list_cache.hold(&place, self.asked.clone(), blank.clone()).await?),
            What::Resource => Own::Resource(hub.read_cache.hold(&place, self.asked.clone(), blank.clone()).await?),
        };
        Ok(Wanted { key: self, since: Instant::now(), blank, own, public })
    }

    /// For how long this answer may be kept, and whether for everybody.
    fn time(&self, hub: &Hub, era: Era, answer: &Object<'_>) -> Option<(Duration, bool)> {
        // The era of sessions has no such words.
        let hints = self.hints.filter(|_| era == Era::Stateless);
        let said = Hint::of(answer).filter(|_| era == Era::Stateless);
        let longest = hints.map(|hints| hints.longest).or(self.fixed)?;
        let Some(said) = said else { return Some((self.fixed?, false)) };
        let time = match hub.isolation.keeps(Rule::HonorCacheHints) {
            true => said.time.min(longest),
            false => longest,
        };
        let public = hints.is_some() && (said.public || !hub.isolation.keeps(Rule::PrivateIsPrivate));
        (!time.is_zero()).then_some((time, public))
    }
}

/// What an answer says of how long and for whom it may be kept.
struct Hint {
    time: Duration,
    public: bool,
}

impl Hint {
    /// What is not a number of milliseconds is none. What says nothing of who may have it is its asker's.
    fn of(result: &Object<'_>) -> Option<Self> {
        let time = result.get("ttlMs")?.parse().map(Duration::from_millis).unwrap_or_default();
        Some(Self { time, public: result.string("cacheScope").as_deref() == Some("public") })
    }
}

/// An answer that was kept and is fresh.
pub(super) async fn fresh(errand: &Errand, key: &Key) -> Result<Option<Arc<str>>, Fault> {
    let (hub, place) = (&errand.hub, errand.place());
    if hub.isolation.keeps(Rule::AuthorizeBeforeCache) {
        hub.acting(&errand.caller, &errand.server).await?;
    }
    let own = match key.kind {
        What::List => hub.list_cache.get(&place, &key.asked).await?,
        What::Resource => hub.read_cache.get(&place, &key.asked).await?,
    };
    let fresh = |kept: Option<Kept>| kept?.answer.filter(|answer| answer.until > Instant::now());
    let found = match fresh(own) {
        None if key.shares => fresh(hub.public_cache.get(&place, &key.asked.1).await?),
        found => found,
    };
    Ok(found.map(|answer| match hub.isolation.keeps(Rule::TellWhatRemains) {
        true => answer.with_what_remains(),
        false => answer.text,
    }))
}

impl Answered {
    /// The answer as it is to be read now: what it said of its time, without the time that has passed.
    fn with_what_remains(self) -> Arc<str> {
        let result = Object::read(&self.text).ok().and_then(|answer| Object::read(answer.get("result")?).ok());
        let said = result.and_then(|result| result.get("ttlMs"));
        let Some((raw, said)) = said.and_then(|raw| Some((raw, raw.parse().map(Duration::from_millis).ok()?))) else {
            return self.text;
        };
        let remains = said.saturating_sub(self.since.elapsed()).as_millis();
        with_part(&self.text, raw, &remains.to_string()).into()
    }
}

impl Wanted {
    /// Keeps an answer, if it is one that may be given again and has not changed on its way.
    pub(super) async fn keep(self, errand: &Errand, era: Era, text: &str) -> Result<(), Fault> {
        let hub = &errand.hub;
        let answer = Object::read(text).ok();
        let result = answer.and_then(|answer| Object::read(answer.get("result")?).ok());
        let complete = result.filter(|result| wish(text).is_none() && result.get("requestState").is_none());
        let Some(result) = complete.filter(|_| text.len() <= LONGEST) else { return Ok(()) };
        let Some((time, public)) = self.key.time(hub, era, &result) else { return Ok(()) };
        let answered = Answered { text: text.into(), since: self.since, until: self.since + time };
        let kept = Kept { answer: Some(answered), ..self.blank };
        let anyway = !hub.isolation.keeps(Rule::KeepNothingThatChanged);
        let place = errand.place();
        let put = match (self.public, self.own) {
            (Some(held), _) if public => match anyway {
                true => hub.public_cache.insert(&place, self.key.asked.1, kept).await,
                false => {
                    held.fill(kept);
                    Ok(())
                }
            },
            (_, Own::List(_)) if anyway => hub.list_cache.insert(&place, self.key.asked, kept).await,
            (_, Own::Resource(_)) if anyway => hub.read_cache.insert(&place, self.key.asked, kept).await,
            (_, Own::List(held)) => {
                held.fill(kept);
                Ok(())
            }
            (_, Own::Resource(held)) => {
                held.fill(kept);
                Ok(())
            }
        };
        shed(errand);
        match put {
            Ok(()) | Err(Barred::Ended) => Ok(()), // Nobody is left to be given it again; the answer itself is as good.
            Err(error) => Err(error.into()),
        }
    }
}

/// Throws away what is more than one key's share: a key's own, in each table.
fn shed(errand: &Errand) {
    let (hub, limits) = (&errand.hub, &errand.hub.config.limits);
    let own = hub.isolation.keeps(Rule::KeepWithinOnesOwnBound);
    let weigh = |kept: &Kept| {
        let counts = !own || kept.credential == errand.caller.credential;
        kept.answer.as_ref().filter(|_| counts).map(|answer| answer.text.len())
    };
    let (most, heaviest) = (limits.answers_kept_per_key, limits.bytes_kept_per_key);
    hub.list_cache.shed(weigh, most, heaviest);
    hub.read_cache.shed(weigh, most, heaviest);
    hub.public_cache.shed(weigh, most, heaviest);
}

/// A server said that its lists or resources are no longer what they were, for those whose account there this one uses.
/// What is public there is so for nobody any more.
pub(super) fn forget_what_changed(errand: &Errand, method: &str) {
    let (hub, server) = (&errand.hub, &errand.server);
    if !hub.isolation.keeps(Rule::DiscardWhatChanged) {
        return;
    }
    let own_account = hub.config.servers.get(server).is_some_and(|of| of.credentials == Credentials::PerUser);
    let concerned = |kept: &Kept| kept.server == *server && (!own_account || kept.principal == errand.caller.principal);
    if method.ends_with("/list_changed") {
        hub.list_cache.discard(|_, kept| concerned(kept));
        hub.public_cache.discard(|_, kept| kept.server == *server && kept.kind == What::List);
    }
    if method.starts_with("notifications/resources/") {
        hub.read_cache.discard(|_, kept| concerned(kept));
        hub.public_cache.discard(|_, kept| kept.server == *server && kept.kind == What::Resource);
    }
}

/// Throws away what is no longer fresh.
pub(crate) fn sweep(hub: &Hub) {
    let now = Instant::now();
    let old = |kept: &Kept| kept.answer.as_ref().is_some_and(|answer| answer.until <= now);
    hub.list_cache.discard(|_, kept| old(kept));
    hub.read_cache.discard(|_, kept| old(kept));
    hub.public_cache.discard(|_, kept| old(kept));
}
