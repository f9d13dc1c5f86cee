//! A fake as a process: one client, one credential, which it finds in its environment, and at most one session.
//!
//! Every line is answered as the HTTP request would be that says the same, so that a server is the same one whichever way
//! it is reached. What stands in headers there is made from the line and from what the process knows.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    meta::{REVISION, name_of},
    request::{Arrived, Outcome},
    server::Fake,
    streams::Streaming,
};
use crate::{
    Entry, ProcessChange, SessionChange,
    wire::{header::encoded, rpc, sse},
};

/// One process of a fake.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    fake: Arc<Fake>,
    number: u64,
    token: Option<String>,
    /// The session that was opened in it; where there are none, the process itself, whose memory is as much its own.
    session: Option<String>,
}

/// What a process says to one line.
pub(crate) enum Said {
    /// These lines, and nothing more.
    Lines(Vec<String>),
    /// What it tells from now on.
    Stream(Streaming),
    /// Nothing more ever: it has crashed.
    Crash,
}

impl Process {
    /// Begins with this environment, in which the credential stands in the variable `credential`.
    pub(crate) fn begin(fake: &Arc<Fake>, environment: BTreeMap<String, String>, credential: &str) -> Self {
        let (number, token) = (fake.next_connection(), environment.get(credential).cloned());
        let itself = (!fake.settings.eras.stateful()).then(|| format!("process-{number}"));
        let process = Self { fake: fake.clone(), number, token, session: itself };
        process.record(ProcessChange::Began { environment });
        if let Some(session) = &process.session {
            process.record_session(session, SessionChange::Opened);
        }
        process
    }

    /// Ends, and what it remembers with it.
    pub(crate) fn end(self) {
        if let Some(session) = &self.session {
            self.fake.end(session);
            self.record_session(session, SessionChange::Closed);
        }
        self.record(ProcessChange::Ended);
    }

    /// Opens its session: nothing else is answered until this is.
    pub(crate) async fn greeted(&mut self, line: String) -> Said {
        let outcome = self.fake.answer(self.arrived("POST", line.clone())).await;
        if let Outcome::Answered(answer) = &outcome {
            let given = answer.headers.iter().find(|(name, _)| name == "mcp-session-id");
            self.session = given.map(|(_, session)| session.clone()).or(self.session.take());
        }
        said(outcome, &line)
    }

    /// Answers a line.
    pub(crate) async fn answer(&self, line: String) -> Said {
        said(self.fake.answer(self.arrived("POST", line.clone())).await, &line)
    }

    /// What it tells outside of answers; `None` where it tells nothing there.
    pub(crate) async fn tells(&self) -> Option<Streaming> {
        if self.session.is_none() || !self.fake.settings.eras.stateful() || !self.fake.announces() {
            return None;
        }
        match self.fake.answer(self.arrived("GET", String::new())).await {
            Outcome::Streaming(streaming) => Some(streaming),
            Outcome::Answered(_) | Outcome::Cut => None,
        }
    }

    /// Whether a cancel ends what it names, as it does in the stateless era.
    pub(crate) fn obeys_cancels(&self) -> bool {
        self.session.is_none() || !self.fake.settings.eras.stateful()
    }

    /// No exchange has opened or ended it.
    fn record_session(&self, session: &str, change: SessionChange) {
        let (upstream, session) = (self.fake.settings.name.clone(), session.to_owned());
        self.fake.ledger.record(Entry::Session { upstream, exchange: 0, session, change });
    }

    fn record(&self, change: ProcessChange) {
        let upstream = self.fake.settings.name.clone();
        self.fake.ledger.record(Entry::Process { upstream, process: self.number, change });
    }

    fn arrived(&self, method: &str, body: String) -> Arrived {
        Arrived {
            connection: self.number,
            process: Some(self.number),
            method: method.to_owned(),
            path: "/mcp".to_owned(),
            headers: self.headers(&body),
            body,
        }
    }

    fn headers(&self, body: &str) -> Vec<(String, String)> {
        let mut headers = vec![("host".to_owned(), format!("{}.upstream", self.fake.settings.name))];
        headers.extend(self.token.as_ref().map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        let message = serde_json::from_str::<Map<String, Value>>(body).unwrap_or_default();
        headers.extend(self.session.clone().map(|session| ("mcp-session-id".to_owned(), session)));
        let none = Map::new();
        let params = message.get("params").and_then(Value::as_object).unwrap_or(&none);
        let stands_alone = params.get("_meta").and_then(|meta| meta.get(super::meta::VERSION)).and_then(Value::as_str);
        let Some((version, method)) = stands_alone.zip(message.get("method").and_then(Value::as_str)) else {
            if !self.fake.settings.eras.stateful() {
                headers.push(("mcp-protocol-version".to_owned(), REVISION.to_owned()));
            }
            return headers;
        };
        headers.push(("mcp-protocol-version".to_owned(), version.to_owned()));
        headers.push(("mcp-method".to_owned(), method.to_owned()));
        headers.extend(name_of(method, params).map(|name| ("mcp-name".to_owned(), encoded(name))));
        headers.extend(self.repeated(params));
        headers
    }

    /// The arguments that a tool wants repeated.
    fn repeated(&self, params: &Map<String, Value>) -> Vec<(String, String)> {
        let tools = crate::servers::stateless_tools(self.fake.settings.kind);
        let tool = params.get("name").and_then(|name| tools.iter().find(|tool| *name == tool.name));
        let argument = |name: &str| match params.get("arguments")?.get(name)? {
            Value::String(text) => Some(text.clone()),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let wanted = tool.into_iter().flat_map(|tool| tool.headers);
        let repeated = wanted.filter_map(|(name, header)| {
            Some((format!("mcp-param-{}", header.to_ascii_lowercase()), encoded(&argument(name)?)))
        });
        repeated.collect()
    }
}

/// What would be the answer over HTTP, as lines.
fn said(outcome: Outcome, line: &str) -> Said {
    let answer = match outcome {
        Outcome::Answered(answer) => answer,
        Outcome::Streaming(streaming) => return Said::Stream(streaming),
        Outcome::Cut => return Said::Crash,
    };
    let streams = answer.headers.iter().any(|(name, value)| name == "content-type" && value == "text/event-stream");
    let body = answer.body();
    let events = if streams { sse::events(&body) } else { Vec::new() };
    let mut lines: Vec<String> = match events.is_empty() {
        false => events.into_iter().map(|event| event.data).collect(),
        true => Some(body.replace('\n', " ")).filter(|body| !body.is_empty()).into_iter().collect(),
    };
    let Ok(rpc::Incoming::Request { id, .. }) = rpc::read(line) else { return Said::Lines(lines) };
    if lines.is_empty() {
        // Over HTTP the status says it.
        lines.push(rpc::error(&id, -32000, &format!("refused with {}", answer.status)).to_string());
    }
    if answer.status >= 400 {
        lines.iter_mut().for_each(|line| *line = addressed(line, &id));
    }
    Said::Lines(lines)
}

/// A refusal that names no request over HTTP, where its connection does, with the id of its request.
fn addressed(line: &str, id: &Value) -> String {
    match serde_json::from_str::<Value>(line) {
        Ok(mut message) if message.get("id") == Some(&Value::Null) => {
            message["id"] = id.clone();
            message.to_string()
        }
        _ => line.to_owned(),
    }
}
