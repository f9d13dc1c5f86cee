//! Who takes part in a scenario, with what, and under which limits.

use std::{fmt, time::Duration};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    era::{Era, Pair, Revision},
    step::{Action, Request, Step},
};
use crate::scenario::source::{Source, Span, Spanned};

/// One loaded scenario file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// `group/name`, unique over all files.
    pub id: Spanned<String>,
    /// One sentence that states the promise.
    pub title: String,
    /// Bug classes of the registry that this file can see.
    pub bugs: Vec<Spanned<String>>,
    /// Clauses of the registry that this file exercises.
    pub clauses: Vec<Spanned<String>>,
    /// The case of the mission document that this file restates, where it is one.
    pub seed_case: Option<String>,
    /// Who takes part.
    pub users: IndexMap<String, User>,
    /// The upstream servers behind the hub.
    pub upstreams: IndexMap<String, Upstream>,
    /// Routes on which the hub shows several of them as one, by name. `all` is always there.
    pub groups: IndexMap<String, Vec<String>>,
    /// Revisions of the stateful era in which it is played; all of them where empty.
    pub revisions: Vec<Revision>,
    /// Pairs of eras in which the scenario makes sense.
    pub eras: Vec<Pair>,
    /// Ways of giving the upstreams their credentials; the matrix runs all of them.
    pub credentials: Vec<CredentialMode>,
    /// What a target must be able to do; without it the scenario is not applicable.
    pub needs: Vec<Spanned<Need>>,
    /// Limits that the target is configured with for this scenario.
    pub limits: Limits,
    /// The seed from which runs of this file count, where its author has one.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// Where all of this was written.
    pub source: Source,
}

/// A person, with the keys and clients they use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Client name to key name. `{main: main}` where the file names no clients.
    pub clients: IndexMap<String, String>,
    /// Upstreams for which this user has no credential although the mode is per user.
    pub unlinked: Vec<String>,
    /// Upstreams where this user's account may read and not write.
    pub read_only: Vec<String>,
    /// The scopes of this user's account, by upstream; all of them where none are given.
    pub scopes: IndexMap<String, Vec<String>>,
    /// The only upstreams that the hub lets this user use; `None` is all.
    pub servers: Option<Vec<String>>,
    /// The only tools that the hub lets this user call, by upstream.
    pub tools: IndexMap<String, Vec<String>>,
    /// The era in which this user's clients speak, whatever the pair is; `None` is the pair's.
    #[serde(default)]
    pub era: Option<Era>,
    /// Where the user was declared.
    pub span: Span,
}

impl Scenario {
    /// In which era a user's clients speak where it is played in this pair.
    pub fn era_of(&self, user: &str, pair: Pair) -> Era {
        self.users.get(user).and_then(|user| user.era).unwrap_or(pair.client)
    }

    /// The request that stays open under this label.
    pub fn called(&self, label: &str) -> Option<&Request> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::Request(request) if request.label().is_some_and(|own| own.value == label) => Some(request),
            _ => None,
        })
    }

    /// In which era an upstream answers a user where it is played in this pair.
    pub fn upstream_era_of(&self, upstream: &str, user: &str, pair: Pair) -> Era {
        let older = self.upstreams.get(upstream).is_some_and(|upstream| upstream.older_for.iter().any(|u| u == user));
        if older { Era::Stateful } else { pair.upstream }
    }

    /// Whether the hub reaches this upstream as a child process.
    pub fn is_child(&self, upstream: &str) -> bool {
        self.upstreams.get(upstream).is_some_and(|upstream| upstream.transport == Transport::Stdio)
    }

    /// Whether it asks a server directly: only a target that is a server can play it, and no hub.
    pub fn is_for_servers(&self) -> bool {
        self.upstreams.values().any(Upstream::is_server)
    }
}

impl Upstream {
    /// The kind of an upstream that is the target itself: its tools are roles.
    pub const SERVER: &str = "server";

    /// Whether it is the target itself, and no fake.
    pub fn is_server(&self) -> bool {
        self.kind == Self::SERVER
    }
}

/// One fake upstream of the scenario. The kind is its name (`db`, `github`, `jira`) unless written out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Which fake plays it: `db`, `github` or `jira`; or `server`, the target itself.
    pub kind: String,
    /// The hub also holds a service credential for it that no user may ever be served with.
    pub service_credential: ServiceCredential,
    /// Items on one page of its lists; `None` is all of them.
    pub page: Option<usize>,
    /// Users whom it still answers in sessions although the pair of eras says otherwise. A target is not told: it finds
    /// out in which era such a server wants to be spoken to.
    #[serde(default)]
    pub older_for: Vec<String>,
    /// What its answers say of how long and for whom they may be kept, where it is not what is true.
    #[serde(default)]
    pub hints: Hints,
    /// How the hub reaches it.
    #[serde(default)]
    pub transport: Transport,
    /// Where the upstream was declared.
    pub span: Span,
}

/// What an upstream says of how long and for whom an answer may be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    /// Milliseconds; `None` is what is true of the fake.
    pub ttl_ms: Option<i64>,
    /// Whether it says that they are public.
    pub public: Option<bool>,
}

/// How a hub reaches an upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// By HTTP.
    #[default]
    Http,
    /// As a child process that it starts, over standard input and output.
    Stdio,
}

/// Whether the operator has given the hub a credential of its own for an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceCredential {
    /// The hub has none (it still gets one in the `shared` mode, which is made of it).
    Absent,
    /// The hub has one.
    Present,
}

/// Whose credential the hub uses upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialMode {
    /// Each user has their own.
    PerUser,
    /// One service credential for everybody: pools keyed by credential leak only here and in `none`.
    Shared,
    /// No credential at all.
    None,
}

impl fmt::Display for CredentialMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerUser => "per-user",
            Self::Shared => "shared",
            Self::None => "none",
        })
    }
}

/// A capability of the target that a scenario depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The harness can move the target's clock.
    Clock,
    /// The harness can set the target's limits.
    Limits,
    /// A user can hold several keys.
    Keys,
    /// Several upstreams on routes of their own.
    Routes,
    /// Several upstreams shown as one.
    Groups,
    /// The harness can say which upstreams and tools a user may use.
    Rights,
    /// The harness can let the target keep lists and resources for a while.
    Cache,
    /// The harness can end the target and start it again.
    Restart,
    /// The harness can take a key away while the target runs.
    Revoke,
    /// A server has two accounts.
    Accounts,
    /// A server promises to keep what it is told for a session alone.
    SessionState,
    /// A server promises to keep what it is told for an account.
    AccountState,
}

/// Limits of the target, where the scenario sets them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How long a session may be idle.
    pub session_idle: Option<Duration>,
    /// How many sessions one user may hold.
    pub sessions_per_user: Option<u32>,
    /// How many sessions the target may hold at one upstream, whoever they are for.
    #[serde(default)]
    pub upstream_sessions_per_server: Option<u32>,
    /// How many requests without a session one user may have in flight.
    #[serde(default)]
    pub requests_per_user: Option<u32>,
    /// How long a call may take upstream.
    pub call_timeout: Option<Duration>,
    /// How long lists and resources may be given again.
    pub cache: Option<Duration>,
    /// How long at most answers are kept that say for how long they may be; `None` is not at all.
    #[serde(default)]
    pub cache_hints: Option<Duration>,
    /// Whether those that call themselves public may be given to everybody.
    #[serde(default)]
    pub cache_public: bool,
    /// How many answers may be kept for one key.
    #[serde(default)]
    pub answers_kept_per_key: Option<u32>,
}

/// Who acts: a user and one of their clients. Printed `alice`, or `alice.phone` where clients are named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The user's name.
    pub user: String,
    /// The client's name; `main` where the file names none.
    pub client: String,
}

impl Actor {
    /// The only client's name where a user declares none.
    pub const MAIN: &str = "main";
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.client == Self::MAIN { f.write_str(&self.user) } else { write!(f, "{}.{}", self.user, self.client) }
    }
}
