//! The stateless era: each request stands on its own, and is answered as whoever its own headers say.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    meta::{self, REVISION, SERVER_INFO},
    request::{Arrived, Asked, Outcome},
    server::Fake,
};
use crate::{
    Basis, Entry, Eras, Guard, Kind,
    servers::{Tool, lab::jobs::TASKS, offers::ABOUT, stateless_tools, tools},
    wire::rpc,
};

/// Milliseconds for which what does not change may be kept.
const FRESH: i64 = 3_600_000;

impl Fake {
    /// Whether a message that is no request belongs to the stateless era: all that tells is its header.
    pub(super) fn stateless_header(&self, arrived: &Arrived) -> bool {
        let eras = self.eras_for(arrived);
        eras.stateless() && (!eras.stateful() || arrived.header("mcp-protocol-version") == Some(REVISION))
    }

    /// The eras in which whoever sent this is answered.
    pub(super) fn eras_for(&self, arrived: &Arrived) -> Eras {
        let token = arrived.token();
        let account = self.settings.accounts.iter().find(|account| Some(account.token.as_str()) == token);
        account.and_then(|account| account.eras).unwrap_or(self.settings.eras)
    }

    /// Answers a request that stands on its own. A caller who closes the response before it is complete has canceled it.
    pub(super) async fn alone(self: &Arc<Self>, arrived: &Arrived, mut asked: Asked, method: &str) -> Outcome {
        if method == "initialize" && !asked.params.contains_key("_meta") && !self.eras_for(arrived).stateful() {
            let requested = asked.text("protocolVersion");
            return Outcome::Answered(Answer::json(400, &meta::unsupported(&asked.id, requested)));
        }
        match meta::read(arrived, &asked.id, method, &asked.params) {
            Ok(modern) => asked.modern = Some(modern),
            Err(refusal) => return Outcome::Answered(refusal),
        }
        if let Some(tool) = self.tool(&asked, asked.text("name")).filter(|_| method == "tools/call")
            && !meta::parameters_match(arrived, tool, &asked.arguments())
        {
            let problem = "a header `Mcp-Param-…` is missing or is not the argument of the body";
            return Outcome::Answered(Answer::json(400, &rpc::error(&asked.id, meta::HEADER_MISMATCH, problem)));
        }
        let unfinished = Unfinished::new(self, asked.exchange);
        let outcome = match method {
            "server/discover" => {
                let answer = self.discover(&asked);
                self.call_anything(&asked, method, answer).await
            }
            "subscriptions/listen" if self.announces() => self.subscribe(&asked).await,
            "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
                Outcome::Answered(self.no_method(&asked, method))
            }
            "tasks/get" | "tasks/update" | "tasks/cancel" if self.settings.kind == Kind::Lab => {
                self.forget_tasks();
                let answer = self.task(&asked, method);
                self.call_anything(&asked, method, answer).await
            }
            _ => self.request(asked, method).await,
        };
        unfinished.over();
        outcome
    }

    /// Whether it has something to tell outside of answers.
    pub(super) fn announces(&self) -> bool {
        matches!(self.settings.kind, Kind::Db | Kind::Lab)
    }

    fn discover(&self, asked: &Asked) -> Answer {
        let mark = self.mint(asked.exchange, self.basis(asked));
        let changes = if self.announces() { json!({ "listChanged": true }) } else { json!({}) };
        let mut resources = changes.clone();
        if self.announces() {
            resources["subscribe"] = true.into();
        }
        let mut capabilities = json!({
            "tools": changes, "prompts": changes, "resources": resources, "completions": {}, "logging": {},
        });
        if self.settings.kind == Kind::Lab {
            capabilities["extensions"] = json!({ TASKS: {} });
        }
        let result = json!({
            "supportedVersions": [REVISION],
            "capabilities": capabilities,
            "instructions": format!("fake {} ({mark})", self.settings.kind),
        });
        self.result(asked, result)
    }

    /// The tools that there are for this request.
    pub(super) fn tools_for(&self, asked: &Asked) -> &'static [Tool] {
        let kind = self.settings.kind;
        if asked.modern.is_some() { stateless_tools(kind) } else { tools(kind) }
    }

    pub(super) fn tool(&self, asked: &Asked, name: &str) -> Option<&'static Tool> {
        self.tools_for(asked).iter().find(|tool| tool.name == name)
    }

    pub(super) fn no_method(&self, asked: &Asked, method: &str) -> Answer {
        let body = rpc::error(&asked.id, -32601, &format!("no method `{method}`"));
        if asked.modern.is_some() { Answer::json(404, &body) } else { self.response(asked, &body) }
    }

    /// Whom the mark of an answer belongs to: nobody, where the answer may be kept for everybody.
    pub(super) fn basis(&self, asked: &Asked) -> Basis {
        if self.is_public(asked) { Basis::Public } else { Basis::Call }
    }

    /// Whether the answer is the same for everybody, so that anyone may keep it for anyone.
    pub(super) fn is_public(&self, asked: &Asked) -> bool {
        let Some(modern) = &asked.modern else { return false };
        if self.settings.kind.checks_tokens() || self.conduct.guard == Guard::Owners {
            return false;
        }
        match modern.method.as_str() {
            "tools/list" | "prompts/list" if self.settings.kind == Kind::Lab => false,
            "resources/read" => asked.text("uri") == ABOUT || self.settings.kind == Kind::Lab,
            method => is_cacheable(method),
        }
    }

    /// A result with what every result of the stateless era says of itself.
    pub(super) fn stamped(&self, asked: &Asked, mut result: Value) -> Value {
        let Some((modern, fields)) = asked.modern.as_ref().zip(result.as_object_mut()) else { return result };
        let kind = fields.entry("resultType").or_insert_with(|| "complete".into()).clone();
        let server = json!({ "name": self.settings.name, "version": env!("CARGO_PKG_VERSION") });
        if let Some(meta) = fields.entry("_meta").or_insert_with(|| Value::Object(Map::new())).as_object_mut() {
            meta.insert(SERVER_INFO.to_owned(), server);
        }
        if kind == "complete" && is_cacheable(&modern.method) {
            let public = self.is_public(asked);
            // What a caller's own context holds may be another the next time.
            let changes = self.settings.kind == Kind::Db && modern.method == "resources/read" && !public;
            let hints = self.settings.script.hints();
            let time = hints.ttl_ms.unwrap_or(if changes { 0 } else { FRESH });
            let public = hints.public.unwrap_or(public);
            fields.insert("ttlMs".to_owned(), time.into());
            fields.insert("cacheScope".to_owned(), if public { "public" } else { "private" }.into());
        }
        result
    }

    /// The log line of a call, where its caller wants lines of that level.
    pub(super) fn log_lines(&self, asked: &Asked) -> Vec<String> {
        let wanted = asked.modern.as_ref().filter(|modern| modern.method == "tools/call");
        if wanted.is_none() || !self.wants_lines(asked) {
            return Vec::new();
        }
        let data = format!("running {} ({})", asked.text("name"), self.mint(asked.exchange, Basis::Call));
        let params = json!({ "level": "info", "logger": self.settings.name, "data": data });
        vec![json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params }).to_string()]
    }
}

/// The methods whose results say how long they may be kept.
fn is_cacheable(method: &str) -> bool {
    matches!(
        method,
        "server/discover"
            | "tools/list"
            | "prompts/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
    )
}

/// Writes down that a caller closed a response before it was complete: in the stateless era that is the cancel.
#[derive(Debug)]
pub(crate) struct Unfinished(Option<(Arc<Fake>, u64)>);

impl Unfinished {
    pub(super) fn new(fake: &Arc<Fake>, exchange: u64) -> Self {
        Self(Some((fake.clone(), exchange)))
    }

    /// The response is complete.
    pub(crate) fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some((fake, exchange)) = self.0.take() {
            fake.left(exchange);
            let upstream = fake.settings.name.clone();
            fake.ledger.record(Entry::Canceled { upstream, exchange });
        }
    }
}
