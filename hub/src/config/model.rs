//! What a hub runs on, once nothing is in doubt.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use foldhash::HashMap;
use http::{HeaderName, HeaderValue, Uri};

use super::{Limits, Secret};
use crate::identity::Caller;

/// What a hub runs on.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The upstream servers, by the name of their route.
    pub servers: BTreeMap<Arc<str>, Server>,
    /// Servers that are offered as one, by the name of their route. No group has a server's name.
    pub groups: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// The limits.
    pub limits: Limits,
    /// Who may come. Of all this it alone can change while the hub runs.
    pub people: People,
}

/// Who may come, and what they may use.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// The users, by name.
    pub users: BTreeMap<Arc<str>, Arc<User>>,
    /// Who holds a key, by its SHA-256: what a request shows is looked up, not compared with every key there is.
    pub(crate) holders: HashMap<[u8; 32], Caller>,
    /// Servers of which somebody may not use everything.
    pub(crate) restricted: BTreeSet<Arc<str>>,
}

/// One upstream server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// How it is reached.
    pub reached: Reached,
    /// Whose credential is used there.
    pub credentials: Credentials,
    /// The hub's own credential, if it has one.
    pub service_credential: Option<Secret>,
    /// How long its lists and resources may be given again to who was given them; `None` is never.
    pub cache: Option<Duration>,
    /// Whether what its answers say of that counts; `None` is not.
    pub hints: Option<Hints>,
    /// How it is spoken to.
    pub era: SpokenTo,
}

/// What an answer may say of how long and for whom it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// No answer is kept for longer, whatever it says.
    pub longest: Duration,
    /// Whether an answer that calls itself public is given to everybody who may reach its server.
    pub shares: bool,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// By HTTP.
    Http(Endpoint),
    /// As a child process, over its standard input and output.
    Stdio(Command),
}

/// A server that is reached by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its MCP endpoint.
    pub uri: Uri,
    /// Where that is on its host, which is all that a request to it says.
    pub path: Uri,
    /// Whether it is told who calls.
    pub identity_headers: bool,
    /// Headers for every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// A server that is started anew for each owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments; there is at least the program.
    pub words: Vec<String>,
    /// Its environment, but for the credential.
    pub environment: BTreeMap<String, Secret>,
    /// The variable in which it finds the credential, where one is used.
    pub credential: Option<String>,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpokenTo {
    /// In sessions: revisions 2025-03-26 to 2025-11-25.
    Stateful,
    /// By requests that stand alone: revision 2026-07-28.
    Stateless,
    /// As it says when it is asked.
    Auto,
}

/// Whose credential is used at a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// The caller's own.
    PerUser,
    /// The hub's, for everybody.
    Shared,
    /// None.
    None,
}

/// One user.
#[derive(Debug, Clone, Default)]
pub struct User {
    /// Their keys.
    pub keys: Vec<Key>,
    /// The servers they may use; `None` is all.
    pub servers: Option<Vec<Arc<str>>>,
    /// The tools they may use, by server; all of a server that is not named.
    pub tools: BTreeMap<Arc<str>, BTreeSet<String>>,
    /// Their own credentials, by server.
    pub credentials: BTreeMap<Arc<str>, Secret>,
}

/// A key, as far as the hub knows it.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name, unique for its user.
    pub id: Arc<str>,
    /// SHA-256 of the key.
    pub sha256: [u8; 32],
}

impl Config {
    /// What of this differs from another and cannot change while the hub runs, as it is called in the file.
    pub(crate) fn differs_from(&self, other: &Self) -> Vec<&'static str> {
        let Self { listen, servers, groups, limits, people: _ } = self;
        let parts = [
            ("listen", *listen == other.listen),
            ("servers", *servers == other.servers),
            ("groups", *groups == other.groups),
            ("limits", *limits == other.limits),
        ];
        parts.into_iter().filter_map(|(name, same)| (!same).then_some(name)).collect()
    }
}

impl User {
    /// Whether there is something of a server that this user may not use.
    pub(crate) fn is_restricted_at(&self, server: &str) -> bool {
        !self.may_use(server) || self.tools.contains_key(server)
    }

    /// Whether this user may use a server at all.
    pub(crate) fn may_use(&self, server: &str) -> bool {
        self.servers.as_ref().is_none_or(|servers| servers.iter().any(|name| **name == *server))
    }

    /// Whether another's keys are good for the same.
    pub(crate) fn may_do_as(&self, other: &Self) -> bool {
        let Self { keys: _, servers, tools, credentials } = self;
        *servers == other.servers && *tools == other.tools && *credentials == other.credentials
    }
}
