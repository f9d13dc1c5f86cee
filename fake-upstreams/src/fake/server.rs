//! What a fake knows, and its answer to one HTTP request.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    spoiled::{Mixed, Waiting},
    streams::{Streaming, Talk},
};
use crate::{
    Account, Basis, Conduct, Entry, Fault, Gate, Kind, Ledger, SessionChange, Settings,
    mark::{Mint, seeded},
    servers::{
        db::Database,
        github::Host,
        jira::{Remote, Rest, Routed, service},
    },
    wire::rpc::{self, Incoming},
};

/// The revisions that every fake speaks, newest last.
pub(crate) const REVISIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
/// The field of `params._meta` by which a call is named.
const MARK_FIELD: &str = "/_meta/crosstalk~1mark";
/// How often progress is told.
const PROGRESS: usize = 2;
/// Requests that an account may make before a real host would refuse; only ever counted down.
const RATE_LIMIT: u64 = 5000;

/// One fake upstream MCP server.
#[derive(Debug)]
pub struct Fake {
    pub(super) settings: Settings,
    pub(super) conduct: Conduct,
    pub(super) waiting: Waiting,
    pub(super) ledger: Ledger,
    pub(super) gate: Gate,
    pub(super) state: Mutex<State>,
    /// The way to the service behind `jira`.
    pub(super) service: Arc<dyn Rest>,
    exchanges: AtomicU64,
    connections: AtomicU64,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) armed: BTreeMap<String, Vec<Fault>>,
    pub(super) seen: BTreeMap<usize, u64>,
    pub(super) marks: Mint,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) cursors: BTreeMap<String, Cursor>,
    pub(super) host: Host,
    pub(super) mixed: Mixed,
    account_marks: BTreeMap<String, String>,
    used: BTreeMap<String, u64>,
    ids: ChaCha8Rng,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) database: Database,
    pub(super) mark: String,
    pub(super) talk: Talk,
}

/// Where a list goes on, and for which session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) session: String,
    pub(super) method: String,
    pub(super) next: usize,
}

/// One HTTP request, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) connection: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What becomes of a request.
pub(crate) enum Outcome {
    Answered(Answer),
    /// The answer is written as it comes.
    Streaming(Streaming),
    /// The connection is cut without an answer.
    Cut,
}

/// Who calls, as far as this server can tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    pub(super) account: Option<Account>,
    token: Option<String>,
}

impl Fake {
    /// A fake that writes everything into `ledger`.
    pub fn new(settings: Settings, ledger: Ledger) -> Arc<Self> {
        Self::behaving(settings, Conduct::default(), ledger)
    }

    /// A fake that guards its sessions, or makes a mistake.
    pub fn behaving(settings: Settings, conduct: Conduct, ledger: Ledger) -> Arc<Self> {
        let mut marks = Mint::new(settings.seed, &format!("answers of {}", settings.name));
        let account_marks: BTreeMap<String, String> =
            settings.accounts.iter().map(|a| (a.login.clone(), marks.next_mark())).collect();
        let ids = seeded(settings.seed, &format!("sessions of {}", settings.name));
        let inside = || Routed(service(settings.accounts.clone(), account_marks.clone()));
        let remote = settings.service.as_deref().map(Remote::new).and_then(Result::ok);
        let way: Arc<dyn Rest> = remote.map_or_else(|| Arc::new(inside()) as _, |remote| Arc::new(remote) as _);
        let state = State {
            armed: BTreeMap::new(),
            seen: BTreeMap::new(),
            marks,
            sessions: BTreeMap::new(),
            cursors: BTreeMap::new(),
            host: Host::default(),
            mixed: Mixed::default(),
            account_marks,
            used: BTreeMap::new(),
            ids,
        };
        Arc::new(Self {
            settings,
            conduct,
            waiting: Waiting::default(),
            ledger,
            gate: Gate::default(),
            state: Mutex::new(state),
            service: way,
            exchanges: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        })
    }

    /// Lets `fault` happen to the call that carries this mark, each time it arrives. Faults add up:
    /// a held call may also be malformed.
    pub fn arm(&self, mark: &str, fault: Fault) {
        self.lock().armed.entry(mark.to_owned()).or_default().push(fault);
    }

    /// Where held calls wait.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Answers one request, and writes down both.
    pub(crate) async fn answer(self: &Arc<Self>, arrived: Arrived) -> Outcome {
        let exchange = self.exchanges.fetch_add(1, Ordering::Relaxed) + 1;
        self.ledger.record(Entry::Request {
            upstream: self.settings.name.clone(),
            exchange,
            connection: arrived.connection,
            method: arrived.method.clone(),
            path: arrived.path.clone(),
            headers: arrived.headers.clone(),
            body: arrived.body.clone(),
        });
        let outcome = self.judge(exchange, &arrived).await;
        let (status, headers, body, cut) = match &outcome {
            Outcome::Answered(answer) => (answer.status, answer.headers.clone(), answer.body(), false),
            Outcome::Streaming(_) => return outcome, // It is written down when it ends.
            Outcome::Cut => (0, Vec::new(), String::new(), true),
        };
        self.ledger.record(Entry::Answer {
            upstream: self.settings.name.clone(),
            exchange,
            status,
            headers,
            body,
            cut,
        });
        outcome
    }

    async fn judge(self: &Arc<Self>, exchange: u64, arrived: &Arrived) -> Outcome {
        if arrived.path != "/mcp" {
            return Outcome::Answered(Answer::empty(404));
        }
        let caller = match self.authenticate(arrived) {
            Ok(caller) => caller,
            Err(answer) => return Outcome::Answered(answer),
        };
        let revision = arrived.header("mcp-protocol-version");
        if revision.is_some_and(|revision| !REVISIONS.contains(&revision)) {
            return Outcome::Answered(refused(400, "this protocol revision is not spoken here"));
        }
        match arrived.method.as_str() {
            "POST" => self.post(exchange, arrived, caller).await,
            "DELETE" => Outcome::Answered(self.delete(exchange, arrived)),
            "GET" if self.settings.kind == Kind::Db => match self.session_of(arrived) {
                Ok(session) => self.listen(exchange, &session, arrived.header("last-event-id")),
                Err(answer) => Outcome::Answered(answer),
            },
            _ => Outcome::Answered(Answer::empty(405).with_header("allow", "POST, DELETE")),
        }
    }

    /// Only `github` asks who calls: `db` takes anyone, and `jira` leaves it to its service.
    fn authenticate(&self, arrived: &Arrived) -> Result<Caller, Answer> {
        let token = arrived.token();
        let account = self.settings.accounts.iter().find(|account| Some(account.token.as_str()) == token);
        if self.asks_for_tokens() && account.is_none() {
            let problem = if token.is_some() { ", error=\"invalid_token\"" } else { "" };
            let challenge = format!("Bearer realm=\"{}\"{problem}", self.settings.name);
            return Err(
                refused(401, "a bearer token of this host is required").with_header("www-authenticate", challenge)
            );
        }
        let caller = Caller { account: account.cloned(), token: token.map(str::to_owned) };
        Ok(self.taken_for(caller, arrived.connection))
    }

    async fn post(self: &Arc<Self>, exchange: u64, arrived: &Arrived, caller: Caller) -> Outcome {
        let incoming = match rpc::read(&arrived.body) {
            Ok(incoming) => incoming,
            Err((code, message)) => {
                return Outcome::Answered(Answer::json(400, &rpc::error(&Value::Null, code, message)));
            }
        };
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
                let asked = Asked { exchange, id: self.id_of(id), params, session, caller, form: String::new() };
                let form = asked.mark().map_or_else(|| exchange.to_string(), str::to_owned);
                self.request(Asked { form, ..asked }, &method).await
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

    fn session_of(&self, arrived: &Arrived) -> Result<String, Answer> {
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
        let (session, opened) = self.open_session();
        if let Err(problem) = opened {
            return Answer::json(500, &rpc::error(id, -32603, &problem));
        }
        self.opened_by(arrived, &session);
        self.record_session(exchange, &session, SessionChange::Opened);
        let mark = self.mint(exchange, Basis::Call);
        let result = json!({
            "protocolVersion": revision,
            "capabilities": { "tools": {}, "prompts": {}, "resources": {}, "completions": {} },
            "serverInfo": { "name": self.settings.name, "version": env!("CARGO_PKG_VERSION") },
            "instructions": format!("fake {} ({mark})", self.settings.kind),
        });
        let body = rpc::result(id, result).to_string();
        Answer::response(body, self.settings.answers, self.settings.seed, &session)
            .with_header("mcp-session-id", session)
    }

    fn open_session(&self) -> (String, Result<(), String>) {
        let random = uuid::Builder::from_random_bytes(self.lock().ids.random()).into_uuid().to_string();
        let session = self.counted_id().unwrap_or(random);
        (session.clone(), self.open_as(session))
    }

    pub(super) fn open_as(&self, session: String) -> Result<(), String> {
        if let Some(left) = self.inherited() {
            self.lock().sessions.insert(session, left);
            return Ok(());
        }
        let mut state = self.lock();
        let mark = state.marks.next_mark();
        let database = Database::open(&mark).map_err(|error| error.to_string())?;
        state.sessions.insert(session, Session { database, mark, talk: Talk::default() });
        Ok(())
    }

    fn delete(&self, exchange: u64, arrived: &Arrived) -> Answer {
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

    async fn request(self: &Arc<Self>, asked: Asked, method: &str) -> Outcome {
        match method {
            "ping" => Outcome::Answered(self.result(&asked, json!({}))),
            "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => {
                let listed = self.list(&asked, method);
                self.call_anything(&asked, method, listed).await
            }
            "prompts/get" | "resources/read" | "completion/complete" => {
                let offered = self.offer(&asked, method);
                self.call_anything(&asked, method, offered).await
            }
            "tools/call" => self.call(asked).await,
            "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" if self.settings.kind == Kind::Db => {
                Outcome::Answered(self.wish(&asked, method))
            }
            _ => {
                let body = rpc::error(&asked.id, -32601, &format!("no method `{method}`"));
                Outcome::Answered(self.response(&asked, &body))
            }
        }
    }

    /// Whether a caller has a scope. A server that asks nobody who they are gives everybody everything.
    pub(super) fn may(&self, caller: &Caller, scope: &str) -> bool {
        let account = caller.account.as_ref().filter(|_| self.settings.kind == Kind::Github);
        account.is_none_or(|account| account.scopes.iter().any(|s| s == scope))
    }

    pub(super) fn result(&self, asked: &Asked, result: Value) -> Answer {
        self.response(asked, &rpc::result(&asked.id, result))
    }

    pub(super) fn response(&self, asked: &Asked, body: &Value) -> Answer {
        let answer = match self.progress_token_of(asked).as_ref() {
            None => Answer::response(body.to_string(), self.settings.answers, self.settings.seed, &asked.form),
            Some(token) => Answer::with_progress(&self.progress(asked.exchange, token), &body.to_string()),
        };
        match asked.caller.account.as_ref().filter(|_| self.settings.kind == Kind::Github) {
            None => answer,
            Some(account) => {
                let mut state = self.lock();
                let used = state.used.entry(account.login.clone()).or_default();
                *used += 1;
                let left = RATE_LIMIT.saturating_sub(*used).to_string();
                answer
                    .with_header("x-ratelimit-limit", RATE_LIMIT.to_string())
                    .with_header("x-ratelimit-remaining", left)
            }
        }
    }

    /// What is told on the way to an answer, where the caller asked to be told.
    fn progress(&self, exchange: u64, token: &Value) -> Vec<String> {
        let told = |step: usize| {
            let message = format!("step {step} ({})", self.mint(exchange, Basis::Call));
            let params = json!({ "progressToken": token, "progress": step, "total": PROGRESS, "message": message });
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }).to_string()
        };
        (1..=PROGRESS).map(told).collect()
    }

    /// A fresh mark, written down with whom it is for.
    pub(super) fn mint(&self, exchange: u64, basis: Basis) -> String {
        let mark = self.lock().marks.next_mark();
        self.tell_mark(exchange, &mark, basis);
        mark
    }

    pub(super) fn tell_mark(&self, exchange: u64, mark: &str, basis: Basis) {
        let upstream = self.settings.name.clone();
        self.ledger.record(Entry::Mark { upstream, exchange, mark: mark.to_owned(), basis });
    }

    /// The marks of all accounts, by login.
    pub(super) fn account_marks(&self) -> BTreeMap<String, String> {
        self.lock().account_marks.clone()
    }

    pub(super) fn account_mark(&self, login: &str) -> String {
        self.lock().account_marks.get(login).cloned().unwrap_or_default()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request inside a session.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) exchange: u64,
    pub(super) id: Value,
    pub(super) params: Map<String, Value>,
    pub(super) session: String,
    pub(super) caller: Caller,
    /// What decides the form of its answer.
    form: String,
}

impl Asked {
    /// The token under which the caller wants to be told of progress.
    pub(super) fn progress_token(&self) -> Option<&Value> {
        self.params.get("_meta")?.get("progressToken")
    }

    /// The bearer token that came with it.
    pub(super) fn token(&self) -> Option<&str> {
        self.caller.token.as_deref()
    }

    /// The mark by which it is named.
    pub(super) fn mark(&self) -> Option<&str> {
        let (meta, field) = (self.params.get("_meta")?, MARK_FIELD.trim_start_matches("/_meta"));
        meta.pointer(field)?.as_str()
    }
}

impl Arrived {
    /// The bearer token.
    pub(super) fn token(&self) -> Option<&str> {
        self.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn refused(status: u16, message: &str) -> Answer {
    Answer::json(status, &rpc::error(&Value::Null, -32000, message))
}
