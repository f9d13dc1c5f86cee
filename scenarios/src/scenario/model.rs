//! What a scenario is once it has been loaded: names resolved, values typed, every promise with its span.
//!
//! This is the contract between the loader (which builds it and refuses everything doubtful), the
//! engine (which plays it) and the oracles (which read it from the head of a trace). It holds no
//! behavior beyond small lookups. The file format itself is described in `docs/scenario-format.md`.

use std::{collections::BTreeMap, fmt, time::Duration};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::source::{Source, Span, Spanned};

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
    /// Protocol revisions in which it is played; all of its eras where empty.
    pub revisions: Vec<Revision>,
    /// Protocol eras in which the scenario makes sense.
    pub eras: Vec<Era>,
    /// Ways of giving the upstreams their credentials; the matrix runs all of them.
    pub credentials: Vec<CredentialMode>,
    /// What a target must be able to do; without it the scenario is not applicable.
    pub needs: Vec<Spanned<Need>>,
    /// Limits that the target is configured with for this scenario.
    pub limits: Limits,
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
    /// Where the user was declared.
    pub span: Span,
}

/// One fake upstream of the scenario. The kind is its name (`db`, `github`, `jira`) unless written out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Which fake plays it: `db`, `github` or `jira`.
    pub kind: String,
    /// The hub also holds a service credential for it that no user may ever be served with.
    pub service_credential: ServiceCredential,
    /// Items on one page of its lists; `None` is all of them.
    pub page: Option<usize>,
    /// Where the upstream was declared.
    pub span: Span,
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

/// A protocol era. The stateful era is run in all its revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// Revisions 2025-03-26 to 2025-11-25: initialize, sessions, DELETE.
    Stateful,
}

/// A protocol revision of the stateful era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Revision {
    /// 2025-03-26, the only one with batches.
    #[serde(rename = "2025-03-26")]
    March2025,
    /// 2025-06-18.
    #[serde(rename = "2025-06-18")]
    June2025,
    /// 2025-11-25.
    #[serde(rename = "2025-11-25")]
    November2025,
}

impl Revision {
    /// All that are played, oldest first.
    pub const ALL: [Self; 3] = [Self::March2025, Self::June2025, Self::November2025];
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::March2025 => "2025-03-26",
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
        })
    }
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
}

/// Limits of the target, where the scenario sets them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How long a session may be idle.
    pub session_idle: Option<Duration>,
    /// How many sessions one user may hold.
    pub sessions_per_user: Option<u32>,
    /// How long a call may take upstream.
    pub call_timeout: Option<Duration>,
    /// How long lists and resources may be given again.
    pub cache: Option<Duration>,
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

/// One step: a verb with its object, and what must come of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// What must come of it, each promise with its own span. Checked on the trace, not while playing.
    pub expect: Vec<Spanned<Expectation>>,
    /// The whole step, first key to last value.
    pub span: Span,
}

/// The closed list of verbs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// `call`, `list`, `initialize`, `ping`: what a polite client does. Opens the session if need be.
    Request(Request),
    /// `send`: raw HTTP for what a polite client would not do.
    Send(Send),
    /// `batch`: several requests in one POST, as revision 2025-03-26 has them.
    Batch {
        /// Who sends it.
        actor: Actor,
        /// To which upstream.
        upstream: String,
        /// The calls: tool, arguments, and id where the file gives one.
        calls: Vec<(String, serde_json::Map<String, Value>, Option<Value>)>,
    },
    /// `await`: takes the answer of a held call.
    Await(Label),
    /// `release`: lets held calls go, in this order or in every order.
    Release {
        /// The calls, by label.
        labels: Vec<Label>,
        /// Whether the written order is the only one.
        order: Order,
    },
    /// `cancel`: sends `notifications/cancelled` for a held call, by the id its client gave it.
    Cancel(Label),
    /// `drop`: closes the connection on which a held call waits.
    Drop(Label),
    /// `close`: the polite end of a session, DELETE with the own id.
    Close {
        /// Whose session.
        actor: Actor,
        /// On which route.
        upstream: String,
    },
    /// `advance-clock`: moves the virtual clock; needs `clock`.
    AdvanceClock(Duration),
    /// `census`: looks at an upstream's ledger; the expectation says how many sessions it must show.
    Census {
        /// Which upstream.
        upstream: String,
    },
}

/// A name that a file gives to a held call.
pub type Label = Spanned<String>;

/// In which orders held calls are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As written.
    Given,
    /// Every permutation, one cell each, at most 24 and then a seeded sample.
    Every,
}

/// A request of a polite client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Who asks.
    pub actor: Actor,
    /// Of which upstream; for the lists of a group, of which group.
    pub upstream: String,
    /// On which group's route; `None` is the upstream's own.
    pub via: Option<String>,
    /// What is asked.
    pub kind: RequestKind,
    /// The JSON-RPC id to use; a fresh number where the file gives none.
    pub id: Option<Value>,
    /// Park the call at the upstream under this label and go on.
    pub held: Option<Label>,
    /// The token under which the client wants to be told of progress.
    pub progress: Option<Value>,
    /// Keep the cursor of the answer under this label.
    pub keep: Option<Label>,
    /// What goes wrong upstream with exactly this call.
    pub fault: Option<Spanned<FaultSpec>>,
}

/// What a polite client asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    /// `initialize`, then `notifications/initialized`.
    Initialize,
    /// `ping`.
    Ping,
    /// A list.
    List {
        /// Which.
        what: ListKind,
        /// Where it goes on: the cursor that was kept under this label.
        after: Option<Label>,
    },
    /// `prompts/get`.
    Get {
        /// Prompt name, bare.
        prompt: String,
        /// Arguments, with `$canary` forms.
        arguments: serde_json::Map<String, Value>,
    },
    /// `resources/read`.
    Read {
        /// The URI, with `$canary` forms.
        uri: String,
    },
    /// `completion/complete`.
    Complete {
        /// What is being filled in.
        reference: Reference,
        /// The argument and its beginning.
        argument: (String, String),
    },
    /// `tools/call`.
    Call {
        /// Tool name, bare.
        tool: String,
        /// Arguments; strings may contain `$canary` forms, replaced when played.
        arguments: serde_json::Map<String, Value>,
    },
}

/// What is being filled in by a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// A prompt, by its bare name.
    Prompt(String),
    /// A resource template.
    Template(String),
}

/// The lists of MCP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListKind {
    /// `tools/list`.
    #[default]
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
}

impl ListKind {
    /// The method that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }
}

/// A fault of the upstream, as written in a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultSpec {
    /// Answer only after this much virtual time.
    Delay(Duration),
    /// Answer this HTTP status and no JSON-RPC body.
    Refuse(u16),
    /// Close the connection: `before-executing` or `after-executing`.
    Disconnect(String),
    /// Answer something that is not the protocol: `not-json`, `truncated-json`, `wrong-id`, ...
    Malform(String),
}

/// Raw HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// Who sends.
    pub actor: Actor,
    /// To which upstream's route.
    pub upstream: String,
    /// Verb and body.
    pub what: Raw,
    /// Which session id is presented.
    pub session: SessionChoice,
    /// Which credential is presented.
    pub token: TokenChoice,
    /// The JSON-RPC id of a POST, where the file gives one.
    pub id: Option<Value>,
}

/// The verb and body of a raw request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Raw {
    /// An HTTP GET for the notification stream.
    Get,
    /// An HTTP DELETE of the session.
    Delete,
    /// A POST of a JSON-RPC request or, for `notifications/*`, a notification.
    Post {
        /// JSON-RPC method.
        method: String,
        /// Tool name for `tools/call`.
        tool: Option<String>,
        /// Arguments for `tools/call`, otherwise the params.
        arguments: serde_json::Map<String, Value>,
    },
}

/// Which session id a raw request carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionChoice {
    /// The actor's own (opened if need be).
    Own,
    /// None at all.
    Absent,
    /// A fresh one that nobody ever had, of the same shape as the target's ids.
    Unknown,
    /// Another actor's, live; optionally from another route.
    Of {
        /// Whose.
        actor: Actor,
        /// On which upstream's route it was opened.
        upstream: String,
    },
}

/// Which credential a raw request carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenChoice {
    /// The actor's own key.
    Own,
    /// No Authorization header.
    Absent,
    /// A key that the hub never issued.
    Unknown,
    /// The user's own upstream token, which is no key of the hub.
    Upstream,
}

/// What must come of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// The texts of the result, joined by newlines.
    Text(TextMatch),
    /// The call must fail with a JSON-RPC error or `isError` result whose message matches.
    Error(TextMatch),
    /// The names (of tools and prompts) or URIs (of resources and templates) in a list; `db/echo` is a tool of `db` in
    /// a group's list, however the target names it there.
    Names {
        /// Must be there.
        contains: Vec<String>,
        /// Must not be there.
        excludes: Vec<String>,
    },
    /// The access must be refused, for this reason.
    Refused(Refusal),
    /// The HTTP status.
    Status(u16),
    /// How many sessions the upstream's ledger shows (`census`).
    Sessions {
        /// Opened over the run so far.
        opened: Option<u64>,
        /// Not closed yet.
        open: Option<u64>,
    },
    /// How often the upstream really ran the tool of this call.
    Executed(u64),
    /// How many notifications of progress came, each under the own token.
    Progress(u64),
    /// How many requests of a batch were answered, each exactly once.
    Answers(u64),
    /// How many cancels reached the upstream for that call, by the id it has there (`cancel`).
    Canceled(u64),
}

/// A condition on a text. `$canary` forms are replaced before comparing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextMatch {
    /// Contains all of these.
    Contains(Vec<String>),
    /// Contains none of these.
    Excludes(Vec<String>),
    /// Anything at all, but it must be there.
    Any,
}

/// Why an access must be refused, so that a wrong rejection cannot pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// 404 or 400 family, and the same answer as a fresh unknown session id gets.
    LikeUnknownSession,
    /// 401 with a challenge.
    Unauthorized,
    /// 400: the session id is missing.
    MissingSession,
    /// 403, or a JSON-RPC error that says so.
    Forbidden,
    /// The user has no credential for this upstream: a JSON-RPC error or 401/403, and nothing sent upstream.
    NotLinked,
    /// Over a limit of the user's own: 429 or a JSON-RPC error.
    OverLimit,
    /// A request id that is already in flight in this session: a JSON-RPC error.
    DuplicateId,
}

/// Settled values of `$canary` forms: actor (and optional series) to mark.
pub type Canaries = BTreeMap<(Actor, String), String>;
