//! One client that listens, one listen upstream: nothing is shared with anybody else who listens.
//!
//! An upstream marks what it tells with the id that the hub gave the listen; the client is told its own in that place.
//! It is told what its filter names, and nothing before the word that the upstream has begun.

use std::collections::VecDeque;

use super::{
    Errand, UpstreamSession, cache, tasks,
    tell::{self, BridgedEar},
    upstream_session,
};
use crate::{
    downstream::Standing,
    envelope::{self, Id, Kind, Message, Object, with_members, with_part},
    era::meta::SUBSCRIPTION,
    isolation::Rule,
    upstream::{Fault, frames::Frames},
};

/// What came of a wish to listen.
pub(crate) enum Heard {
    /// The upstream's refusal, for the client.
    Refused(String),
    /// What it tells from now on.
    Stream(Ear),
}

/// What a client that listens is told.
pub(crate) enum Ear {
    /// By an upstream that was told of this very listen.
    Own(Box<OwnEar>),
    /// By one that tells a session of the hub's.
    Bridged(Box<BridgedEar>),
}

impl Ear {
    /// What the client is told next; `None` at the end. Whoever stops waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Option<String> {
        match self {
            Self::Own(ear) => ear.next().await,
            Self::Bridged(ear) => ear.next().await,
        }
    }
}

/// One listen at an upstream.
pub(crate) struct OwnEar {
    errand: Errand,
    frames: Frames,
    waiting: VecDeque<String>,
    tag: Tag,
    /// With tasks by the ids that they have at their server.
    filter: Filter,
    /// Those ids, and those that the client knows.
    tasks: Vec<(String, String)>,
    begun: bool,
    over: bool,
}

/// Whose what is told is.
pub(super) struct Tag {
    /// The id that the upstream knows.
    pub(super) wire: u64,
    /// The client's, as it wrote it.
    pub(super) raw_id: String,
}

/// What a client wants to be told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
    pub(crate) uris: Vec<String>,
    pub(crate) tasks: Vec<String>,
}

/// Begins to listen. The listen lasts for as long as the stream is held.
pub(crate) async fn subscribe(errand: &Errand, message: &Message<'_>) -> Result<Heard, Fault> {
    if errand.session.standing == Standing::Bridged {
        let limit = errand.hub.config.limits.call_timeout;
        let begun = tokio::time::timeout(limit, tell::begin(errand, message)).await.map_err(|_| Fault::TimedOut)??;
        return Ok(Heard::Stream(Ear::Bridged(Box::new(begun))));
    }
    own(errand, &*upstream_session::of(errand).await?, message).await
}

/// The same at an upstream that is told of this very listen.
pub(super) async fn own(errand: &Errand, upstream: &UpstreamSession, message: &Message<'_>) -> Result<Heard, Fault> {
    let wire = errand.hub.calls.next();
    let raw_id = message.raw_id().unwrap_or("null").to_owned();
    let mut filter = Filter::of(message);
    let tasks = tasks::heard(errand, &filter.tasks).await?;
    filter.tasks = tasks.iter().map(|(own, _)| own.clone()).collect();
    let narrowed = with_tasks(message, &filter.tasks);
    let narrowed = narrowed.as_deref().map(Message::read).transpose();
    let narrowed = narrowed.map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let asking = narrowed.as_ref().unwrap_or(message);
    let opening = errand.send(upstream, asking.readdressed(&wire.to_string(), asking.progress_token()));
    let limit = errand.hub.config.limits.call_timeout;
    let mut frames = tokio::time::timeout(limit, opening).await.map_err(|_| Fault::TimedOut)??.frames;
    let mut waiting = VecDeque::new();
    if !frames.streams() {
        let first = tokio::time::timeout(limit, frames.next()).await.map_err(|_| Fault::TimedOut)??;
        let first = first.ok_or(Fault::NoAnswer)?;
        let message = Message::read(&first).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
        match &message.kind {
            _ if message.answers(wire) => return Ok(Heard::Refused(message.with_id(&raw_id))),
            Kind::Notification { .. } if upstream.transport.child().is_some() => waiting.push_back(first),
            _ => return Err(Fault::NoAnswer),
        }
    }
    let tag = Tag { wire, raw_id };
    let errand = errand.clone();
    let ear = OwnEar { errand, frames, waiting, tag, filter, tasks, begun: false, over: false };
    Ok(Heard::Stream(Ear::Own(Box::new(ear))))
}

/// Where a filter has the ids of tasks.
const TASKS: &str = "taskIds";

/// A message with these tasks in its filter and no others; `None` where that names none.
fn with_tasks(message: &Message<'_>, tasks: &[String]) -> Option<String> {
    let raw = message.param("notifications")?;
    let filter = Object::read(raw).ok()?;
    let named = filter.get(TASKS)?;
    Some(match tasks {
        [] => message.with_part(raw, &filter.without(&[TASKS])),
        tasks => message.with_part(named, &serde_json::json!(tasks).to_string()),
    })
}

impl OwnEar {
    async fn next(&mut self) -> Option<String> {
        while !self.over {
            let text = match self.waiting.pop_front() {
                Some(text) => text,
                None => match self.frames.next().await {
                    Ok(Some(frame)) => {
                        self.waiting.extend(envelope::messages(frame));
                        continue;
                    }
                    Ok(None) => return None,
                    Err(fault) => {
                        tracing::debug!(server = %self.errand.server, %fault, "a listen broke");
                        return None;
                    }
                },
            };
            if let Some(told) = self.told(&text) {
                return Some(told);
            }
        }
        None
    }

    /// The id that the client knows of a task that it listens for.
    fn shown(&self, own: &str) -> Option<String> {
        self.tasks.iter().find(|(named, _)| named == own).map(|(_, shown)| shown.clone())
    }

    /// A message as this client is told it; `None` where it is none of its.
    fn told(&mut self, text: &str) -> Option<String> {
        let message = Message::read(text).ok()?;
        match &message.kind {
            Kind::Notification { method } => {
                cache::forget_what_changed(&self.errand, method);
                let keeps = self.errand.hub.isolation.keeps(Rule::TellWhatWasAsked);
                let renamed = match method.as_str() {
                    "notifications/subscriptions/acknowledged" if !self.begun => {
                        self.begun = true;
                        let agreed = Filter::of(&message).tasks;
                        with_tasks(&message, &agreed.iter().filter_map(|own| self.shown(own)).collect::<Vec<_>>())
                    }
                    method if keeps && !(self.begun && self.filter.names(method, &message)) => return None,
                    tasks::STATUS => {
                        let (raw, own) = message.string_param("taskId")?;
                        Some(message.with_part(raw, &serde_json::Value::from(self.shown(&own)?).to_string()))
                    }
                    _ => None,
                };
                match renamed {
                    Some(renamed) => self.tag.notification(&Message::read(&renamed).ok()?),
                    None => self.tag.notification(&message),
                }
            }
            Kind::Response { .. } if message.answers(self.tag.wire) => {
                self.over = true;
                let answer = message.with_id(&self.tag.raw_id);
                let object = Object::read(&answer).ok()?;
                let Some(result) = object.get("result") else { return Some(answer) };
                let meta = Object::read(result).ok()?.get("_meta");
                let tagged = self.tag.tagged(result, meta)?;
                Some(with_part(&answer, result, &tagged))
            }
            Kind::Response { .. } | Kind::Request { .. } => None,
        }
    }
}

impl Tag {
    /// `object`, in which `meta` stands, with the client's id in the place of the hub's; `None` where it is marked with
    /// another's.
    pub(super) fn tagged(&self, object: &str, meta: Option<&str>) -> Option<String> {
        let Some(meta) = meta else {
            return Some(with_members(object, &format!(r#""_meta":{}"#, self.meta("{}"))));
        };
        match Object::read(meta).ok()?.get(SUBSCRIPTION) {
            None => Some(with_part(object, meta, &self.meta(meta))),
            Some(raw) => {
                let named = Id::read(raw)?;
                let ours = named.wire() == Some(self.wire) || named == Id::Text(self.wire.to_string());
                ours.then(|| with_part(object, raw, &self.raw_id))
            }
        }
    }

    /// A notification under the client's id; `None` where it is marked with another's.
    pub(super) fn notification(&self, message: &Message<'_>) -> Option<String> {
        match message.params.and_then(|params| Some((params, Object::read(params).ok()?))) {
            Some((params, read)) => Some(message.with_part(params, &self.tagged(params, read.get("_meta"))?)),
            None => Some(message.with_param("_meta", &self.meta("{}"))),
        }
    }

    fn meta(&self, meta: &str) -> String {
        with_members(meta, &format!(r#""{SUBSCRIPTION}":{}"#, self.raw_id))
    }
}

impl Filter {
    /// The filter of a listen.
    pub(crate) fn of(message: &Message<'_>) -> Self {
        let raw = message.param("notifications").and_then(|raw| Object::read(raw).ok());
        let Some(filter) = raw else { return Self::default() };
        let wants = |kind| filter.get(kind) == Some("true");
        let names = |kind| filter.get(kind).and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
        Self {
            tools: wants("toolsListChanged"),
            prompts: wants("promptsListChanged"),
            resources: wants("resourcesListChanged"),
            uris: names("resourceSubscriptions"),
            tasks: names(TASKS),
        }
    }

    /// Everything but single resources and tasks.
    pub(super) fn of_everything() -> Self {
        Self { tools: true, prompts: true, resources: true, ..Self::default() }
    }

    /// As much of it as a server of the stateful era offers, which has said this in `initialize`.
    pub(super) fn narrowed_to(self, welcome: &str) -> Self {
        let said: serde_json::Value = serde_json::from_str(welcome).unwrap_or_default();
        let offers = |kind: &str, what: &str| said["result"]["capabilities"][kind][what] == true;
        Self {
            tools: self.tools && offers("tools", "listChanged"),
            prompts: self.prompts && offers("prompts", "listChanged"),
            resources: self.resources && offers("resources", "listChanged"),
            uris: if offers("resources", "subscribe") { self.uris } else { Vec::new() },
            tasks: Vec::new(), // They are none of that era.
        }
    }

    /// Whether it names anything.
    pub(crate) fn names_any(&self) -> bool {
        self.tools || self.prompts || self.resources || !self.uris.is_empty() || !self.tasks.is_empty()
    }

    /// As it stands in a message.
    pub(crate) fn written(&self) -> serde_json::Value {
        let mut written = serde_json::Map::new();
        for (kind, wanted) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            written.extend(wanted.then(|| (kind.to_owned(), true.into())));
        }
        for (kind, named) in [("resourceSubscriptions", &self.uris), (TASKS, &self.tasks)] {
            if !named.is_empty() {
                written.insert(kind.to_owned(), named.clone().into());
            }
        }
        written.into()
    }

    /// Whether it names this notification.
    pub(super) fn names(&self, method: &str, message: &Message<'_>) -> bool {
        match method {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            "notifications/resources/updated" => {
                let updated = message.string_param("uri").map(|(_, uri)| uri);
                updated.is_some_and(|updated| self.uris.iter().any(|uri| is_or_is_below(&updated, uri)))
            }
            tasks::STATUS => message.string_param("taskId").is_some_and(|(_, id)| self.tasks.contains(&id)),
            _ => false,
        }
    }
}

/// Whether a resource is this one, or a part of it.
fn is_or_is_below(uri: &str, of: &str) -> bool {
    uri.strip_prefix(of).is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with(['/', '#', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_resource_is_named_with_it_and_a_longer_name_is_not() {
        for (uri, of, expected) in [
            ("note://a", "note://a", true),
            ("note://a/b", "note://a", true),
            ("note://a/b", "note://a/", true),
            ("note://ab", "note://a", false),
            ("note://", "note://a", false),
        ] {
            assert_eq!(is_or_is_below(uri, of), expected, "{uri} {of}");
        }
    }

    #[test]
    fn the_clients_own_id_stands_in_the_place_of_the_hubs_and_no_others() {
        let tag = Tag { wire: 7, raw_id: r#""mine""#.into() };
        let tagged = |object: &str| tag.tagged(object, Object::read(object).unwrap().get("_meta"));
        let own = format!(r#"{{"x":1.0,"_meta":{{"{SUBSCRIPTION}":7}}}}"#);
        assert_eq!(tagged(&own), Some(own.replace('7', r#""mine""#)));
        assert_eq!(tagged(&own.replace('7', r#""7""#)), Some(own.replace('7', r#""mine""#)));
        assert_eq!(tagged(&own.replace('7', "8")), None);
        assert_eq!(tagged("{}"), Some(format!(r#"{{"_meta":{{"{SUBSCRIPTION}":"mine"}}}}"#)));
    }
}
