//! What a fake knows, and its answer to one HTTP request.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    answer::Answer,
    contexts::Context,
    listens::Listening,
    meta,
    request::{Arrived, Asked, Caller, Outcome},
    rounds::Round,
    spoiled::{Mixed, Waiting},
    stateful::{Session, not_spoken, speaks},
    tasks::Task,
};
use crate::{
    Basis, Conduct, Entry, Fault, Gate, Kind, Ledger, Settings,
    mark::{Mint, seeded},
    servers::{
        github::Host,
        jira::{Remote, Rest, Routed, service},
        lab::changes::Change,
    },
    wire::rpc::{self, Incoming},
};

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
    pub(super) started: Instant,
    exchanges: AtomicU64,
    connections: AtomicU64,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) armed: BTreeMap<String, Vec<Fault>>,
    pub(super) seen: BTreeMap<usize, u64>,
    pub(super) marks: Mint,
    pub(super) sessions: BTreeMap<String, Session>,
    /// What handles of the stateless era name.
    pub(super) contexts: BTreeMap<String, Context>,
    /// Calls of the stateless era that wait for their retry, by their state.
    pub(super) rounds: BTreeMap<String, Round>,
    /// Who listens in the stateless era, by exchange.
    pub(super) listens: BTreeMap<u64, Listening>,
    /// Tasks of the stateless era, by their id.
    pub(super) tasks: BTreeMap<String, Task>,
    /// Which lists of `lab` have changed, and for whom.
    pub(super) changed: BTreeMap<Holder, BTreeSet<Change>>,
    pub(super) cursors: BTreeMap<String, Cursor>,
    pub(super) host: Host,
    pub(super) mixed: Mixed,
    account_marks: BTreeMap<String, String>,
    used: BTreeMap<String, u64>,
    pub(super) ids: ChaCha8Rng,
}

/// Where a list goes on, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) holder: Holder,
    pub(super) method: String,
    pub(super) next: usize,
}

/// Who may go on with a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// Whoever is in this session.
    Session(String),
    /// Whoever shows this credential, or none.
    Credential(Option<String>),
    /// Anyone: the list is the same for everybody.
    Anyone,
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
            contexts: BTreeMap::new(),
            rounds: BTreeMap::new(),
            listens: BTreeMap::new(),
            tasks: BTreeMap::new(),
            changed: BTreeMap::new(),
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
            started: Instant::now(),
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
        if self.settings.kind == Kind::Lab && !self.is_addressed(arrived) {
            return Outcome::Answered(refused(403, "this server answers to this machine's own names alone"));
        }
        let caller = match self.authenticate(arrived) {
            Ok(caller) => caller,
            Err(answer) => return Outcome::Answered(answer),
        };
        match arrived.method.as_str() {
            "POST" => self.post(exchange, arrived, caller).await,
            _ if self.stateless_header(arrived) => Outcome::Answered(Answer::empty(405).with_header("allow", "POST")),
            _ if !speaks(arrived) => Outcome::Answered(not_spoken()),
            "DELETE" => Outcome::Answered(self.delete(exchange, arrived)),
            "GET" if self.announces() => match self.session_of(arrived) {
                Ok(session) => self.listen(exchange, &session, arrived.header("last-event-id")),
                Err(answer) => Outcome::Answered(answer),
            },
            _ => Outcome::Answered(Answer::empty(405).with_header("allow", "POST, DELETE")),
        }
    }

    /// Whether a request is meant for this server, and comes from no web page of elsewhere.
    fn is_addressed(&self, arrived: &Arrived) -> bool {
        let own = |authority: &str| {
            let host = authority
                .rsplit_once(':')
                .filter(|(_, port)| port.parse::<u16>().is_ok())
                .map_or(authority, |(host, _)| host);
            matches!(host, "localhost" | "127.0.0.1" | "[::1]")
                || host.strip_suffix(".upstream") == Some(&self.settings.name)
        };
        let origin = arrived.header("origin").map(|origin| origin.split_once("://").map_or(origin, |(_, rest)| rest));
        arrived.header("host").is_some_and(own) && origin.is_none_or(own)
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
        let caller = Caller { account: account.cloned(), token: token.map(str::to_owned), process: arrived.process };
        Ok(self.taken_for(caller, arrived.connection))
    }

    async fn post(self: &Arc<Self>, exchange: u64, arrived: &Arrived, caller: Caller) -> Outcome {
        let incoming = match rpc::read(&arrived.body) {
            Ok(incoming) => incoming,
            Err((code, message)) => {
                return Outcome::Answered(Answer::json(400, &rpc::error(&Value::Null, code, message)));
            }
        };
        match incoming {
            Incoming::Request { id, method, params } if meta::is_modern(arrived, &params, self.eras_for(arrived)) => {
                self.alone(arrived, Asked::new(exchange, id, params, caller), &method).await
            }
            Incoming::Notification if self.stateless_header(arrived) => Outcome::Answered(Answer::empty(202)),
            Incoming::Response { .. } if self.stateless_header(arrived) => {
                Outcome::Answered(refused(400, "nobody is asked in this revision: input comes with a retry"))
            }
            _ if !speaks(arrived) => Outcome::Answered(not_spoken()),
            incoming => self.in_session(exchange, arrived, caller, incoming).await,
        }
    }

    pub(super) async fn request(self: &Arc<Self>, asked: Asked, method: &str) -> Outcome {
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
            "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" if self.announces() => {
                Outcome::Answered(self.wish(&asked, method))
            }
            _ => Outcome::Answered(self.no_method(&asked, method)),
        }
    }

    /// Whether a caller has a scope. A server that asks nobody who they are gives everybody everything.
    pub(super) fn may(&self, caller: &Caller, scope: &str) -> bool {
        let account = caller.account.as_ref().filter(|_| self.settings.kind == Kind::Github);
        account.is_none_or(|account| account.scopes.iter().any(|s| s == scope))
    }

    pub(super) fn result(&self, asked: &Asked, result: Value) -> Answer {
        let result = self.stamped(asked, result);
        self.response(asked, &rpc::result(&asked.id, result))
    }

    pub(super) fn response(&self, asked: &Asked, body: &Value) -> Answer {
        let speaks_itself = self.settings.kind == Kind::Lab;
        let mut told = if speaks_itself { Vec::new() } else { self.log_lines(asked) };
        if let Some(token) = self.progress_token_of(asked).filter(|_| !speaks_itself) {
            told.extend(self.progress(asked.exchange, &token));
        }
        let answer = if told.is_empty() {
            Answer::response(body.to_string(), self.settings.answers, self.settings.seed, &asked.form)
        } else {
            Answer::with_progress(&told, &body.to_string())
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

pub(super) fn refused(status: u16, message: &str) -> Answer {
    Answer::json(status, &rpc::error(&Value::Null, -32000, message))
}
