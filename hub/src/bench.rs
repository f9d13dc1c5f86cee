//! The two parts of the hub whose cost is measured apart, and no more of them than that needs.
//!
//! Only there with the feature `bench`, which no shipped hub has. The kernel stays private: a benchmark that could reach
//! into it would be one more place from which a table is used, and `docs/isolation.md` would have to answer for it.

use std::{fmt, sync::Arc};

use crate::{
    envelope::Message,
    identity::Caller,
    isolation::{Account, Isolation, Life, Place, Scoped, table::UpstreamSessions},
    upstream::Fault,
};

/// The table of upstream sessions, with names in the place of sessions: nothing is opened at an upstream.
pub struct Pool {
    table: Scoped<UpstreamSessions, Arc<str>, Fault>,
    server: Arc<str>,
}

/// A user with one session.
#[derive(Debug, Clone)]
pub struct Seat {
    caller: Caller,
    life: Life,
}

impl Seat {
    /// The user with this number. No two kinds have a session in common.
    pub fn new(kind: &str, number: usize) -> Self {
        let caller = Caller::new(&format!("user-{number:06}").into(), "laptop", &Arc::default());
        // As long as real ones are.
        Self { caller, life: Life::begin(format!("{kind} {number:036}").into()) }
    }
}

impl Pool {
    /// An empty one, as narrow as its page says.
    pub fn new() -> Self {
        Self { table: Scoped::new(&Isolation::STRICT), server: "bench".into() }
    }

    /// The upstream session of a user's session, opened where there is none; from the place on, as a call does it.
    pub async fn acquire(&self, seat: &Seat) -> Option<Arc<str>> {
        let place = Place::of(&seat.caller).towards(&self.server, Account::Callers).in_session(&seat.life);
        let name = seat.life.key().clone();
        self.table.get_or_open(&place, self.server.clone(), async move { Ok(name) }, drop).await.ok()
    }

    /// Ends the session of a seat, and what it has here: how many there were. Nothing can be acquired for it again.
    pub async fn release(&self, seat: &Seat) -> usize {
        self.table.evict(&seat.life.end()).await.len()
    }

    /// The same for whoever knows where the session is: what no table could do without.
    pub fn take_known(&self, seat: &Seat, known: &Arc<str>) -> Option<Arc<str>> {
        let place = Place::of(&seat.caller).towards(&self.server, Account::Callers).in_session(&seat.life);
        (std::hint::black_box(&place).session() == Some(known)).then(|| known.clone())
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

/// Whether this is a message; read as far as routing needs it.
pub fn read(text: &str) -> bool {
    Message::read(text).is_ok()
}

/// The message with this in the places of its id and, where it has one, its progress token.
pub fn readdress(text: &str, id: &str) -> Option<String> {
    let message = Message::read(text).ok()?;
    Some(message.readdressed(id, message.progress_token()))
}
