//! The stateful era: sessions, opened by `initialize`, named by a header, ended by `DELETE`.

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    request::{Arrived, Asked, Caller, Outcome},
    server::{Fake, refused},
    streams::Talk,
};
use crate::{
    Basis, Entry, SessionChange,
    servers::db::Database,
    wire::rpc::{self, Incoming},
};

/// The revisions that every fake speaks, newest last.
pub(super) const REVISIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

/// What a session is to a fake.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) database: Database,
    pub(super) mark: String,
    pub(super) talk: Talk,
    /// What its client can be asked.
    pub(super) offers: Map<String, Value>,
}

/// Whether the revision that a request names is spoken in sessions. One that names none is taken for the oldest.
pub(super) fn speaks(arrived: &Arrived) -> bool {
    arrived.header("mcp-protocol-version").is_none_or(|revision| REVISIONS.contains(&revision))
}

pub(super) fn not_spoken() -> Answer {
    refused(400, "this protocol revision is not spoken here")
}

impl Fake {
    /// Opens a session, or does what is to be done in one.
    pub(super) async fn in_session(
        self: &Arc<Self>,
        exchange: u64,
        arrived: &Arrived,
        caller: Caller,
        incoming: Incoming,
    ) -> Outcome {
        if let Incoming::Request { id, method, params } = &incoming
            && method == "initialize"
        {
            return Outcome::Answered(self.initialize(exchange, arrived, id, params));
        }
        let session = match self.session_of(arrived) {
            Ok(session) => session,
            Err(answer) => return Outcome::Answered(answer),
        };
        match incoming {
            Incoming::Request { id, method, params } => {
                let asked = Asked::new(exchange, self.id_of(id), params, caller);
                self.request(Asked { session, ..asked }, &method).await
            }
            // A cancel too: this server finishes what it has begun, as servers may.
            Incoming::Notification => {
                self.notified(&arrived.body);
                Outcome::Answered(Answer::empty(202))
            }
            Incoming::Response { id, message } => {
                self.answered(&session, &id, message);
                Outcome::Answered(Answer::empty(202))
            }
        }
    }

    pub(super) fn session_of(&self, arrived: &Arrived) -> Result<String, Answer> {
        let Some(session) = self.presented(arrived) else {
            return Err(refused(400, "an MCP session id is required"));
        };
        if !self.lock().sessions.contains_key(&session) || !self.owns(arrived, &session) {
            return Err(refused(404, "no such session"));
        }
        Ok(session)
    }

    fn initialize(&self, exchange: u64, arrived: &Arrived, id: &Value, params: &Map<String, Value>) -> Answer {
        let asked = params.get("protocolVersion").and_then(Value::as_str);
        let revision = REVISIONS.into_iter().find(|revision| Some(*revision) == asked).unwrap_or(REVISIONS[2]);
        let session = self.open_session();
        if let Some(opened) = self.lock().sessions.get_mut(&session) {
            opened.offers = params.get("capabilities").and_then(Value::as_object).cloned().unwrap_or_default();
        }
        self.opened_by(arrived, &session);
        self.record_session(exchange, &session, SessionChange::Opened);
        let mark = self.mint(exchange, Basis::Call);
        let result = json!({
            "protocolVersion": revision,
            "capabilities": self.session_capabilities(),
            "serverInfo": { "name": self.settings.name, "version": env!("CARGO_PKG_VERSION") },
            "instructions": format!("fake {} ({mark})", self.settings.kind),
        });
        let body = rpc::result(id, result).to_string();
        Answer::response(body, self.settings.answers, self.settings.seed, &session)
            .with_header("mcp-session-id", session)
    }

    fn session_capabilities(&self) -> Value {
        if !self.announces() {
            return json!({ "tools": {}, "prompts": {}, "resources": {}, "completions": {} });
        }
        let changes = json!({ "listChanged": true });
        let resources = json!({ "subscribe": true, "listChanged": true });
        json!({ "tools": changes, "prompts": changes, "resources": resources, "completions": {}, "logging": {} })
    }

    fn open_session(&self) -> String {
        let random = uuid::Builder::from_random_bytes(self.lock().ids.random()).into_uuid().to_string();
        let session = self.counted_id().unwrap_or(random);
        self.open_as(session.clone());
        session
    }

    pub(super) fn open_as(&self, session: String) {
        if let Some(left) = self.inherited() {
            self.lock().sessions.insert(session, left);
            return;
        }
        let mut state = self.lock();
        let mark = state.marks.next_mark();
        let database = Database::new(&mark);
        state.sessions.insert(session, Session { database, mark, talk: Talk::default(), offers: Map::new() });
    }

    pub(super) fn delete(&self, exchange: u64, arrived: &Arrived) -> Answer {
        let session = match self.session_of(arrived) {
            Ok(session) => session,
            Err(answer) => return answer,
        };
        self.end(&session);
        self.record_session(exchange, &session, SessionChange::Closed);
        Answer::empty(204)
    }

    fn record_session(&self, exchange: u64, session: &str, change: SessionChange) {
        let upstream = self.settings.name.clone();
        self.ledger.record(Entry::Session { upstream, exchange, session: session.to_owned(), change });
    }
}
