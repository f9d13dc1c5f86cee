//! `subscriptions/listen`: streams of the stateless era on which a caller is told what it asked to be told.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{
    meta::SUBSCRIPTION,
    request::{Asked, Outcome},
    server::Fake,
    stateless::Unfinished,
    streams::{BURST, OWN, Streaming, event_stream},
};
use crate::{
    Basis, Entry,
    wire::{rpc, sse},
};

/// Most URIs that one stream may name.
const MOST_URIS: usize = 1000;

/// One stream.
#[derive(Debug)]
pub(super) struct Listening {
    owner: Option<String>,
    /// The id of the request that opened it, which everything on it repeats.
    id: Value,
    wants: Filter,
    write: UnboundedSender<String>,
}

/// What a stream tells.
#[derive(Debug, Default)]
struct Filter {
    lists: BTreeSet<&'static str>,
    uris: BTreeSet<String>,
    tasks: BTreeSet<String>,
}

/// Lists whose changes can be told: the field of the filter, and the notification.
const LISTS: [(&str, &str); 3] = [
    ("toolsListChanged", "notifications/tools/list_changed"),
    ("promptsListChanged", "notifications/prompts/list_changed"),
    ("resourcesListChanged", "notifications/resources/list_changed"),
];
const UPDATED: &str = "notifications/resources/updated";
/// The field of a filter that names tasks.
const TASK_IDS: &str = "taskIds";
/// Where a task stands, in whole.
const STATUS: &str = "notifications/tasks";

impl Filter {
    fn read(asked: &Asked) -> Self {
        let wanted = asked.params.get("notifications");
        let on = |field: &str| wanted.and_then(|wanted| wanted.get(field)) == Some(&Value::Bool(true));
        let uris = wanted.and_then(|wanted| wanted.get("resourceSubscriptions")?.as_array()).into_iter().flatten();
        Self {
            lists: LISTS.into_iter().filter(|(field, _)| on(field)).map(|(_, method)| method).collect(),
            uris: uris.filter_map(Value::as_str).map(str::to_owned).take(MOST_URIS).collect(),
            tasks: BTreeSet::new(),
        }
    }

    /// As the stream's first message repeats it.
    fn honored(&self) -> Value {
        let mut fields = Map::new();
        for (field, method) in LISTS {
            if self.lists.contains(method) {
                fields.insert(field.to_owned(), true.into());
            }
        }
        if !self.uris.is_empty() {
            fields.insert("resourceSubscriptions".to_owned(), json!(self.uris));
        }
        if !self.tasks.is_empty() {
            fields.insert(TASK_IDS.to_owned(), json!(self.tasks));
        }
        Value::Object(fields)
    }
}

impl Fake {
    /// Opens a stream; its first message says what will be told on it.
    pub(super) async fn subscribe(self: &Arc<Self>, asked: &Asked) -> Outcome {
        let faults = self.faults(asked, "subscriptions/listen");
        if let Some(refusal) = self.refusal(asked, &faults).await {
            return Outcome::Answered(refusal);
        }
        let (write, events) = unbounded_channel();
        let wants = Filter { tasks: self.own_tasks(asked), ..Filter::read(asked) };
        let listening = Listening { owner: asked.caller.holder(), id: asked.id.clone(), wants, write };
        let mark = self.mint(asked.exchange, Basis::Call);
        let params =
            json!({ "notifications": listening.wants.honored(), "_meta": { SUBSCRIPTION: asked.id, "mark": mark } });
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params });
        self.say(asked.exchange, &listening.write, &told);
        self.lock().listens.insert(asked.exchange, listening);
        Outcome::Streaming(Streaming::guarded(events, Unfinished::new(self, asked.exchange)))
    }

    /// `announce` in the stateless era: tells the streams of the same credential, each if it asked for it; of a changed
    /// resource, every stream that named it, unless the resource is each credential's own. `hang-up` ends the caller's
    /// streams as a server that stops does, and `burst` says more than fits anywhere.
    pub(super) fn announce_alone(&self, asked: &Asked, method: &str, text: &str) -> Result<String, String> {
        let uri = format!("note://{text}");
        let own = |listening: &Listening| listening.owner == asked.caller.holder();
        match method {
            "hang-up" => self.streams(own).into_iter().for_each(|exchange| self.end_listening(exchange)),
            "burst" => self.streams(own).into_iter().for_each(|exchange| self.burst(exchange)),
            UPDATED => {
                // A process knows of nobody who listens to another, and what is somebody's own concerns nobody else.
                let alone = asked.caller.process.is_some() || text.starts_with(OWN);
                let concerned = |listening: &Listening| own(listening) || !alone;
                for exchange in self.streams(|listening| concerned(listening) && listening.wants.uris.contains(&uri)) {
                    self.tell(exchange, method, json!({ "uri": uri }), BURST.1);
                }
            }
            _ => self.tell_streams(asked, method, text),
        }
        Ok("announced".to_owned())
    }

    /// Tells the streams of whoever calls that a list has changed, if they asked for it, and this text with it.
    pub(super) fn tell_streams(&self, asked: &Asked, method: &str, text: &str) {
        let wants =
            |listening: &Listening| listening.owner == asked.caller.holder() && listening.wants.lists.contains(method);
        for exchange in self.streams(wants) {
            self.tell(exchange, method, json!({ "_meta": { "text": text } }), BURST.1);
        }
    }

    /// The tasks that a listen names and that its caller may follow.
    fn own_tasks(&self, asked: &Asked) -> BTreeSet<String> {
        let named = asked.params.get("notifications").and_then(|wanted| wanted.get(TASK_IDS)?.as_array());
        let named = named.into_iter().flatten().filter_map(Value::as_str).take(MOST_URIS);
        named.filter(|id| self.may_follow(asked, id)).map(str::to_owned).collect()
    }

    /// Tells whoever listens for this task where it stands.
    pub(super) fn tell_status(&self, id: &str, task: &Value) {
        for exchange in self.streams(|listening| listening.wants.tasks.contains(id)) {
            self.tell(exchange, STATUS, task.clone(), BURST.1);
        }
    }

    /// The streams of which this holds, by the exchange that opened each.
    fn streams(&self, concerned: impl Fn(&Listening) -> bool) -> Vec<u64> {
        let state = self.lock();
        state.listens.iter().filter(|(_, listening)| concerned(listening)).map(|(exchange, _)| *exchange).collect()
    }

    fn burst(&self, exchange: u64) {
        let wanted = self.lock().listens.get(&exchange).and_then(|listening| listening.wants.lists.first().copied());
        for _ in 0..BURST.0 {
            self.tell(exchange, wanted.unwrap_or(LISTS[0].1), json!({}), 0);
        }
    }

    /// Tells one stream one thing, as long as `BURST.1` less what is left out.
    fn tell(&self, exchange: u64, method: &str, mut params: Value, left_out: usize) {
        let listener =
            self.lock().listens.get(&exchange).map(|listening| (listening.id.clone(), listening.write.clone()));
        let Some((id, write)) = listener else { return };
        let mark = self.mint(exchange, Basis::Call);
        params["_meta"][SUBSCRIPTION] = id;
        params["_meta"]["mark"] = mark.into();
        if left_out < BURST.1 {
            params["_meta"]["padding"] = "x".repeat(BURST.1 - left_out).into();
        }
        self.say(exchange, &write, &json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn end_listening(&self, exchange: u64) {
        let Some(listening) = self.lock().listens.remove(&exchange) else { return };
        let result = json!({ "resultType": "complete", "_meta": { SUBSCRIPTION: listening.id } });
        let body = self.say(exchange, &listening.write, &rpc::result(&listening.id, result));
        let upstream = self.settings.name.clone();
        let headers = event_stream();
        self.ledger.record(Entry::Answer { upstream, exchange, status: 200, headers, body, cut: false });
    }

    /// Whoever opened this exchange is gone, and with it the stream, where it was one.
    pub(super) fn left(&self, exchange: u64) {
        self.lock().listens.remove(&exchange);
    }

    /// Writes one event and writes it down. What was written.
    pub(super) fn say(&self, exchange: u64, write: &UnboundedSender<String>, message: &Value) -> String {
        let event = sse::message(&message.to_string());
        if write.send(event.clone()).is_ok() {
            let upstream = self.settings.name.clone();
            self.ledger.record(Entry::Said { upstream, exchange, message: message.to_string() });
        }
        event
    }
}
