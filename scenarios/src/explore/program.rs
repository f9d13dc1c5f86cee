//! A program: who takes part, and what they do, one after another. Plain data, made by chance.
//!
//! A move says what somebody would like to do; whether and how it can be done is found out by
//! [`script`](super::script). So every part of a program can be taken away and the rest still is one, which
//! is what makes it shrink well. Few ids, few keys and few tools, so that everybody is in everybody's way.

use crate::scenario::model::{CredentialMode, ListKind, Revision};

/// Users by their place in a program.
pub const NAMES: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
/// Clients of a user by their place.
pub const CLIENTS: [&str; 3] = ["phone", "laptop", "tablet"];

/// A whole program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The seed of marks, chunk borders and of the yields inside the hub.
    pub seed: u64,
    /// Which revision the clients offer.
    pub revision: Revision,
    /// Whose credential is used upstream; per user where a server asks who calls.
    pub credentials: CredentialMode,
    /// One to eight.
    pub users: Vec<Person>,
    /// One to three, each once.
    pub servers: Vec<Server>,
    /// What the hub is told besides.
    pub limit: Limit,
    /// What happens.
    pub moves: Vec<Move>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// One to three.
    pub clients: Vec<Client>,
    /// Without a credential for the first server.
    pub unlinked: bool,
}

/// A client of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Which of the user's keys it holds.
    pub key: Key,
    /// On which routes it works.
    pub route: Route,
}

/// A key of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The first.
    A,
    /// The second.
    B,
}

/// On which routes a client works. It never changes: a control run knows the servers' own routes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// On that of each server.
    Own,
    /// On the one route of all servers.
    All,
}

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// `db`.
    Db,
    /// A second `db`, called `notes`.
    Notes,
    /// `github`.
    Github,
    /// `jira`.
    Jira,
}

/// What the hub is told besides. One thing at most, so that the model of each stays simple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Nothing.
    None,
    /// Lists and resources may be given again.
    Cache,
    /// Calls are given up after five seconds.
    CallTimeout,
    /// No more sessions than these for one user.
    Sessions(usize),
}

/// Something that somebody would like to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Who: a place among the users, counted around.
    pub user: usize,
    /// With which client, counted around.
    pub client: usize,
    /// At which server, counted around.
    pub server: usize,
    /// What.
    pub what: What,
}

/// What somebody would like to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A polite request.
    Ask(Ask),
    /// Let a held call go: which, counted around.
    Release(usize),
    /// Let all held calls go: the first, counted around, then every so-many-th.
    ReleaseAll(usize),
    /// Cancel a call of the own that is held, counted around.
    Cancel(usize),
    /// Lose the connection of such a call.
    Drop(usize),
    /// End the session.
    Close,
    /// Begin another session.
    Initialize,
    /// Let more time pass than a call may take.
    Wait,
    /// Present another's session id.
    Intrude(Intrusion),
    /// Present no session id.
    NoSession,
    /// Present no key.
    NoKey,
    /// Count the sessions at the server.
    Census,
}

/// A polite request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What is asked.
    pub verb: Verb,
    /// With which id; a fresh number where there is none.
    pub id: Option<Id>,
    /// Whether the answer comes at once.
    pub pace: Pace,
    /// Whether to be told of progress.
    pub progress: Progress,
}

/// Whether the answer comes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It does.
    AtOnce,
    /// It waits upstream until it is let go.
    Held,
    /// Something goes wrong upstream.
    Faulty(Fault),
}

/// Whether a call's client wants to be told of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It does not.
    Untold,
    /// Under this token.
    Told(u8),
}

/// The few ids that everybody uses. `1` and `"1"` are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// `1`.
    One,
    /// `2`.
    Two,
    /// `"1"`.
    Text,
}

/// What is asked; each server has its own tool for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A text that comes back.
    Echo,
    /// Choose a project, or open an issue.
    Change,
    /// See the session's data, or the account's issues.
    Look,
    /// Store a note under this key.
    Note(u8),
    /// Find the note of this key.
    Find(u8),
    /// Who am I?
    Whoami,
    /// A list.
    List(ListKind),
    /// A resource that every server has.
    ReadAbout,
    /// A resource that holds the session's or account's own data.
    ReadOwn(u8),
    /// A prompt with the session's or account's own data in it.
    Prompt,
    /// Nothing.
    Ping,
}

/// What goes wrong upstream with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// HTTP 503 instead of an answer; the call does not run.
    Refuse,
    /// The connection is cut before the call runs.
    CutBefore,
    /// The connection is cut after it ran.
    CutAfter,
    /// The answer is no JSON.
    NotJson,
    /// The answer ends in the middle.
    Truncated,
    /// The answer has an id that nobody asked with.
    WrongId,
}

/// Presenting a session id that is another's, or of another route, or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intrusion {
    /// Whose, counted around.
    pub user: usize,
    /// Of which client, counted around.
    pub client: usize,
    /// Of which server's route, counted around.
    pub server: usize,
    /// To do what with it.
    pub deed: Deed,
}

/// What an intruder tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// See the session's data.
    Look,
    /// Cancel the call with this id.
    Cancel(Id),
    /// End the session.
    Delete,
    /// Ping.
    Ping,
    /// Listen.
    Listen,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Db, Self::Notes, Self::Github, Self::Jira];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::Notes => "notes",
            Self::Github => "github",
            Self::Jira => "jira",
        }
    }

    /// Whether it binds what it knows to the session; otherwise to the account.
    pub fn remembers_sessions(self) -> bool {
        matches!(self, Self::Db | Self::Notes)
    }
}

impl Program {
    /// Whose credential is really used: a server that asks who calls needs each user's own.
    pub fn credentials(&self) -> CredentialMode {
        if self.servers.iter().all(|server| server.remembers_sessions()) {
            self.credentials
        } else {
            CredentialMode::PerUser
        }
    }
}
