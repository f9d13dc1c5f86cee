//! One request at a route with several servers: lists are merged, everything else goes to the server that its name
//! or URI belongs to.

use std::sync::Arc;

use serde_json::json;

use super::{listing::List, names, rights};
use crate::{
    downstream::{Standing, answers},
    envelope::{Id, Message, Object},
    era::{STATELESS, meta::SERVER_INFO, results},
    isolation::Rule,
    relay::{self, Asker, Errand, Refused, Reply, TASKS, Visit},
    upstream::Fault,
};

/// A request that is answered with an error of the hub's own.
pub(super) enum Wrong {
    /// JSON-RPC code and message.
    Said(i64, String),
    Refused(Refused),
    /// The server that failed, and how.
    Failed(Box<Errand>, Fault),
    /// The client took it back.
    Canceled,
}

impl From<Refused> for Wrong {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// The hub's own answer to `initialize` on a merged route, in this revision.
pub(crate) fn welcome(revision: &str) -> String {
    let result = json!({
        "protocolVersion": revision,
        "capabilities": { "tools": {}, "prompts": {}, "resources": {}, "completions": {} },
        "serverInfo": { "name": "hub", "version": env!("CARGO_PKG_VERSION") },
    });
    json!({ "jsonrpc": "2.0", "id": 0, "result": result }).to_string()
}

/// The hub's own answer to `server/discover` on a merged route.
fn discovered(raw_id: &str) -> String {
    let info = json!({ "name": "hub", "version": env!("CARGO_PKG_VERSION") });
    let changes = json!({ "listChanged": true });
    let result = json!({
        "resultType": "complete",
        "supportedVersions": [STATELESS],
        "capabilities": {
            "tools": changes, "prompts": changes, "resources": { "listChanged": true, "subscribe": true }, "completions": {},
            "extensions": { TASKS: {} },
        },
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": { SERVER_INFO: info },
    });
    format!(r#"{{"jsonrpc":"2.0","id":{raw_id},"result":{result}}}"#)
}

/// Answers one request.
pub(crate) async fn answer(
    visit: &Visit,
    servers: &[Arc<str>],
    message: &Message<'_>,
    method: &str,
    id: Id,
) -> Result<Reply, Refused> {
    let raw_id = message.raw_id().unwrap_or("null");
    let merged = Merged { visit, servers };
    let stateless = visit.session.standing == Standing::Moment;
    let answered = match (List::of(method), method) {
        (Some(list), _) => merged
            .list(list, message, id)
            .await
            .map(|result| format!(r#"{{"jsonrpc":"2.0","id":{raw_id},"result":{result}}}"#))
            .map(|text| Reply::Whole(if stateless { results::for_stateless(method, &text) } else { text })),
        (None, "server/discover") if stateless => Ok(Reply::Whole(discovered(raw_id))),
        (None, "tools/call" | "prompts/get") => merged.named(message, method, id).await,
        (None, _) if stateless && relay::asks_for_task(method) => merged.task(message, id).await,
        (None, "resources/read") => merged.read(message, id).await,
        (None, "completion/complete") => merged.complete(message, id).await,
        _ => Err(Wrong::Said(-32601, format!("no method `{method}` on a route with several servers"))),
    };
    match answered {
        Ok(reply) => Ok(reply),
        // What is not there is a wrong parameter in the stateless era.
        Err(Wrong::Said(-32002, text)) if stateless => {
            Ok(Reply::Whole(answers::error_text(raw_id, -32602, &text, None)))
        }
        Err(Wrong::Said(code, text)) => Ok(Reply::Whole(answers::error_text(raw_id, code, &text, None))),
        Err(Wrong::Failed(errand, fault)) => Ok(Reply::Whole(errand.phrase(raw_id, &fault).await)),
        Err(Wrong::Refused(refused)) => Err(refused),
        Err(Wrong::Canceled) => Ok(Reply::nothing()),
    }
}

/// A route with several servers, as one client uses it.
pub(super) struct Merged<'v> {
    pub(super) visit: &'v Visit,
    pub(super) servers: &'v [Arc<str>],
}

impl Merged<'_> {
    /// `tools/call` and `prompts/get`: the name says where.
    async fn named(&self, message: &Message<'_>, method: &str, id: Id) -> Result<Reply, Wrong> {
        let name = message.string_param("name");
        let (raw, name) = name.ok_or_else(|| Wrong::Said(-32602, "`name` must be a string".into()))?;
        let unknown = || Wrong::Said(-32602, format!("there is no `{name}` here, or you may not use it"));
        let (server, bare) = names::split(&name).ok_or_else(unknown)?;
        let server = self.server(server).ok_or_else(unknown)?;
        let hub = &self.visit.hub;
        if method == "tools/call" && !rights::may_call(hub, &self.visit.caller, &server, || bare.to_owned()) {
            return Err(unknown());
        }
        self.forward(&server, &message.with_part(raw, &json!(bare).to_string()), id).await
    }

    /// A server that this user may use here.
    pub(super) fn server(&self, name: &str) -> Option<Arc<str>> {
        let hub = &self.visit.hub;
        let open = !hub.isolation.keeps(Rule::CheckRightsWithEveryCall);
        let anywhere = hub.config.servers.keys().filter(|_| open);
        self.servers.iter().chain(anywhere).find(|server| ***server == *name).cloned()
    }

    /// A task is asked for at the server that it was begun at; where that is none, one is as good as another to refuse it.
    async fn task(&self, message: &Message<'_>, id: Id) -> Result<Reply, Wrong> {
        let shown = message.string_param("taskId").map(|(_, shown)| shown).unwrap_or_default();
        let begun_at = self.server_of_task(&shown).await.map_err(Refused::from)?;
        let server = begun_at.or(self.servers.first());
        let server = server.ok_or_else(|| Wrong::Said(-32602, "there are no servers here".into()))?;
        self.forward(server, &message.whole(), id).await
    }

    /// Where a task was begun, by this key and on this route.
    pub(super) async fn server_of_task(&self, shown: &str) -> Result<Option<&Arc<str>>, Fault> {
        for server in self.servers {
            if relay::knows_task(&self.visit.to(server), shown).await? {
                return Ok(Some(server));
            }
        }
        Ok(None)
    }

    async fn read(&self, message: &Message<'_>, id: Id) -> Result<Reply, Wrong> {
        let uri = message.string_param("uri");
        let (raw, uri) = uri.ok_or_else(|| Wrong::Said(-32602, "`uri` must be a string".into()))?;
        let owner = self.owner(&uri).await?;
        let owner = owner.ok_or_else(|| Wrong::Said(-32002, format!("no resource `{uri}`, or it is none of yours")))?;
        self.forward(&owner.server, &message.with_part(raw, &json!(owner.uri).to_string()), id).await
    }

    async fn complete(&self, message: &Message<'_>, id: Id) -> Result<Reply, Wrong> {
        let reference = message.param("ref").and_then(|reference| Object::read(reference).ok());
        let wrong = || Wrong::Said(-32602, "`ref` must name a prompt or a resource template of this list".into());
        let reference = reference.ok_or_else(wrong)?;
        let (raw, server, bare) = match (reference.string("name"), reference.string("uri")) {
            (Some(name), None) => {
                let (server, bare) = names::split(&name).ok_or_else(wrong)?;
                let server = self.server(server).ok_or_else(wrong)?;
                (reference.get("name").ok_or_else(wrong)?, server, bare.to_owned())
            }
            (None, Some(uri)) => {
                let owner = self.owner_of_template(&uri).await?.ok_or_else(wrong)?;
                (reference.get("uri").ok_or_else(wrong)?, owner, uri)
            }
            _ => return Err(wrong()),
        };
        self.forward(&server, &message.with_part(raw, &json!(bare).to_string()), id).await
    }

    async fn forward(&self, server: &Arc<str>, request: &str, id: Id) -> Result<Reply, Wrong> {
        let errand = self.visit.towards(server).await;
        let errand = errand.map_err(|fault| Wrong::Failed(Box::new(self.visit.to(server)), fault))?;
        let message = Message::read(request).map_err(|error| Wrong::Said(-32600, error.to_string()))?;
        match relay::call(&errand, &message, Asker::of(self.visit, id)).await {
            Ok(steps) => Ok(Reply::Steps(steps)),
            Err(Refused::Fault(fault)) => Err(Wrong::Failed(Box::new(errand), fault)),
            Err(refused) => Err(refused.into()),
        }
    }
}

pub(super) fn barred(error: crate::isolation::Barred) -> Wrong {
    Wrong::Refused(Fault::from(error).into())
}
