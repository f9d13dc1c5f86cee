//! What all parties agree on: the users, what each of them shows, and the hub's configuration.

use std::str::FromStr;

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Users of the hub: a company, not a desk.
pub const USERS: usize = 1000;
/// The name of the server behind the hub.
pub const SERVER: &str = "bench";
/// Sessions that one user may have open, and all users at the server: enough for the measurement of memory.
const SESSIONS: [usize; 2] = [64, 16_384];

/// What a client shows in `Authorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Its key of the hub.
    Key,
    /// Its token of the upstream, which the hub would put in.
    Token,
}

/// How a client speaks: with a session, or with requests that stand alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Era {
    /// 2025-11-25.
    Stateful,
    /// 2026-07-28.
    Stateless,
}

impl Era {
    /// As it is written in orders and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stateful => "stateful",
            Self::Stateless => "stateless",
        }
    }
}

impl FromStr for Era {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let era = [Self::Stateful, Self::Stateless].into_iter().find(|era| era.name() == name);
        era.with_context(|| format!("`{name}` is no era"))
    }
}

/// Whose session the one with this number is: users take turns.
pub fn user(number: usize) -> usize {
    number % USERS
}

/// A user's key of the hub.
pub fn key(user: usize) -> String {
    format!("bench-key-of-user-{user:06}")
}

/// A user's token of the upstream.
pub fn token(user: usize) -> String {
    format!("bench-token-of-user-{user:06}")
}

/// The hub's configuration in front of this upstream. JSON is YAML.
pub fn configuration(upstream: &str) -> Value {
    let users = (0..USERS).map(|number| {
        let sha256: String = Sha256::digest(key(number)).iter().map(|byte| format!("{byte:02x}")).collect();
        let user = json!({
            "keys": [{ "id": "laptop", "sha256": sha256 }],
            "credentials": { SERVER: { "bearer": token(number) } },
        });
        (format!("user-{number:06}"), user)
    });
    json!({
        "listen": "127.0.0.1:0",
        "servers": { SERVER: { "url": upstream } },
        "users": users.collect::<serde_json::Map<_, _>>(),
        "limits": { "sessions-per-user": SESSIONS[0], "upstream-sessions-per-server": SESSIONS[1] },
    })
}
