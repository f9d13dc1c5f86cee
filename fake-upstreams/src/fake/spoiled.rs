//! Where a spoiled fake does something else: each function is asked at one place, and does the right thing where the fake
//! is not spoiled in its way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    sync::{Mutex, MutexGuard, Notify},
    time,
};

use super::{
    request::{Arrived, Asked, Caller},
    server::Fake,
    stateful::Session,
};
use crate::spoil::{Guard, Spoiling};

/// How long an answer waits for another call with its id to overtake it.
const OVERTAKING: Duration = Duration::from_millis(50);
/// How long a call dawdles before it runs as what is the newest by then.
const DAWDLING: Duration = Duration::from_millis(20);

/// What a spoiled fake mixes up.
#[derive(Debug, Default)]
pub(super) struct Mixed {
    first: Option<Caller>,
    first_of: BTreeMap<u64, Caller>,
    /// The account's token by which each session was opened.
    owners: BTreeMap<String, Option<String>>,
    opened: Vec<String>,
    left: Option<Session>,
    current: Option<String>,
    results: BTreeMap<String, String>,
    answers: BTreeMap<String, Value>,
    progress: Option<Value>,
}

/// What spoiled calls wait for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    turn: Mutex<()>,
    overtaken: Notify,
    cancels: std::sync::Mutex<BTreeMap<String, Arc<Notify>>>,
}

impl Fake {
    pub(super) fn spoiled(&self, spoiling: Spoiling) -> bool {
        self.conduct.spoiling == Some(spoiling)
    }

    /// Whether everybody needs an account's token.
    pub(super) fn asks_for_tokens(&self) -> bool {
        let asks = self.settings.kind.checks_tokens() || self.conduct.guard == Guard::Owners;
        asks && !self.spoiled(Spoiling::TokenUnchecked)
    }

    /// Whom the server takes a caller for.
    pub(super) fn taken_for(&self, caller: Caller, connection: u64) -> Caller {
        let mut state = self.lock();
        if self.spoiled(Spoiling::FirstCaller) {
            return state.mixed.first.get_or_insert(caller).clone();
        }
        if self.spoiled(Spoiling::FirstOfConnection) {
            return state.mixed.first_of.entry(connection).or_insert(caller).clone();
        }
        caller
    }

    /// The session id that a request presents.
    pub(super) fn presented(&self, arrived: &Arrived) -> Option<String> {
        let presented = arrived.header("mcp-session-id").map(str::to_owned);
        if presented.is_none() && self.spoiled(Spoiling::SessionGuessed) {
            let state = self.lock();
            return state.mixed.opened.iter().rev().find(|session| state.sessions.contains_key(*session)).cloned();
        }
        if let Some(session) = presented.as_ref().filter(|_| self.spoiled(Spoiling::SessionUnchecked)) {
            let known = self.lock().sessions.contains_key(session);
            if !known {
                self.open_as(session.clone());
            }
        }
        presented
    }

    /// Whether whoever sent this may use the session.
    pub(super) fn owns(&self, arrived: &Arrived, session: &str) -> bool {
        if self.conduct.guard == Guard::ByKind || self.spoiled(Spoiling::OwnerUnchecked) {
            return true;
        }
        let token = arrived.token().map(str::to_owned);
        self.spoiled(Spoiling::TokenUnchecked) || self.lock().mixed.owners.get(session).is_none_or(|own| *own == token)
    }

    /// Notes who opened a session.
    pub(super) fn opened_by(&self, arrived: &Arrived, session: &str) {
        let mut state = self.lock();
        state.mixed.owners.insert(session.to_owned(), arrived.token().map(str::to_owned));
        state.mixed.opened.push(session.to_owned());
    }

    /// The id of the next session, where it is not a random one.
    pub(super) fn counted_id(&self) -> Option<String> {
        self.spoiled(Spoiling::IdsGuessable).then(|| format!("session-{}", self.lock().mixed.opened.len() + 1))
    }

    /// What the session that ended last has left to the next one.
    pub(super) fn inherited(&self) -> Option<Session> {
        self.lock().mixed.left.take()
    }

    /// Ends a session. Spoiled, it lives on in itself or in the next one.
    pub(super) fn end(&self, session: &str) {
        if self.spoiled(Spoiling::SessionsImmortal) {
            return;
        }
        let mut state = self.lock();
        let ended = state.sessions.remove(session);
        if self.spoiled(Spoiling::InheritedState) {
            state.mixed.left = ended;
        }
    }

    /// The session whose state a call uses.
    pub(super) fn acts_in(&self, asked: &Asked) -> String {
        let state = self.lock();
        let mixed = &state.mixed;
        let mut open = mixed.opened.iter().filter(|session| state.sessions.contains_key(*session));
        let other = match self.conduct.spoiling {
            Some(Spoiling::SharedState) => open.next(),
            Some(Spoiling::CurrentSession) => mixed.current.as_ref(),
            Some(Spoiling::StateOfAccount) => {
                let own = mixed.owners.get(&asked.session);
                open.find(|session| mixed.owners.get(*session) == own)
            }
            _ => None,
        };
        other.unwrap_or(&asked.session).clone()
    }

    /// The account whose data a call uses.
    pub(super) fn acts_for<'l>(&self, login: &'l str) -> &'l str {
        if self.spoiled(Spoiling::SharedState) { "everybody" } else { login }
    }

    /// Notes that a call came, which some mistakes take for the only one.
    pub(super) async fn came(&self, asked: &Asked) {
        {
            let mut state = self.lock();
            state.mixed.current = Some(asked.session.clone());
            state.mixed.progress = asked.progress_token().cloned().or(state.mixed.progress.take());
        }
        if self.spoiled(Spoiling::CurrentSession) || self.spoiled(Spoiling::ProgressOfNewest) {
            time::sleep(DAWDLING).await;
        }
    }

    /// The only turn there is, where calls run one at a time.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        if self.spoiled(Spoiling::Serialized) { Some(self.waiting.turn.lock().await) } else { None }
    }

    /// A result, or the one that was kept for the same words of somebody.
    pub(super) fn cached(&self, asked: &Asked, result: Result<String, String>) -> Result<String, String> {
        if !self.spoiled(Spoiling::CachedResults) {
            return result;
        }
        let words = format!("{:?}{:?}", asked.params.get("name"), asked.params.get("arguments"));
        let result = result?;
        Ok(self.lock().mixed.results.entry(words).or_insert(result).clone())
    }

    /// The id under which a request is answered.
    pub(super) fn id_of(&self, id: Value) -> Value {
        let number = id.as_str().and_then(|id| id.parse::<i64>().ok());
        number.filter(|_| self.spoiled(Spoiling::IdsAlike)).map_or(id, Value::from)
    }

    /// The token under which progress is told.
    pub(super) fn progress_token_of(&self, asked: &Asked) -> Option<Value> {
        let own = asked.progress_token().cloned();
        if own.is_some() && self.spoiled(Spoiling::ProgressOfNewest) {
            return self.lock().mixed.progress.clone();
        }
        own
    }

    /// A result on its way to whoever asked with this id. Spoiled, a newer one with the same id overtakes it.
    pub(super) async fn by_id(&self, asked: &Asked, result: Value) -> Value {
        if !self.spoiled(Spoiling::AnswersById) {
            return result;
        }
        let id = asked.id.to_string();
        self.lock().mixed.answers.insert(id.clone(), result.clone());
        self.waiting.overtaken.notify_waiters();
        let overtaken = async {
            while self.lock().mixed.answers.get(&id) == Some(&result) {
                self.waiting.overtaken.notified().await;
            }
        };
        // Nobody has to come: a call alone gets its own answer.
        let _ = time::timeout(OVERTAKING, overtaken).await;
        self.lock().mixed.answers.get(&id).cloned().unwrap_or(result)
    }

    /// A notification came. Spoiled, a cancel stops whatever has that id.
    pub(super) fn notified(&self, body: &str) {
        let Ok(message) = serde_json::from_str::<Value>(body) else { return };
        if !self.spoiled(Spoiling::CancelById) || message.get("method") != Some(&"notifications/cancelled".into()) {
            return;
        }
        if let Some(id) = message.pointer("/params/requestId") {
            self.canceled(id).notify_waiters();
        }
    }

    /// Waits until the time is over; false where somebody's cancel came first.
    pub(super) async fn delay(&self, asked: &Asked, by: Duration) -> bool {
        let canceled = self.canceled(&asked.id);
        tokio::select! {
            () = time::sleep(by) => true,
            () = canceled.notified() => false,
        }
    }

    fn canceled(&self, id: &Value) -> Arc<Notify> {
        let mut cancels = self.waiting.cancels.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cancels.entry(id.to_string()).or_default().clone()
    }
}
