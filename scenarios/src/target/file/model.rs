//! What a target file says.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::OnceLock,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    scenario::source::{Source, Spanned},
    target::Promises,
    trace::recorder::Secret,
};

/// A program that a target file describes: how it is started and reached, what it promises and what it cannot do.
#[derive(Debug, Clone)]
pub struct Program {
    /// What reports call it.
    pub name: String,
    /// The file.
    pub source: Source,
    /// The folder that relative paths begin at: the file's own.
    pub folder: PathBuf,
    /// Whose process it is.
    pub life: Life,
    /// Files that are written before it is started.
    pub files: Vec<Written>,
    /// What is done before it is started.
    pub prepare: Vec<Provisioning>,
    /// What is done once it is ready.
    pub provision: Vec<Provisioning>,
    /// What takes a key away while it runs.
    pub revoke: Vec<Provisioning>,
    /// Where it is reached.
    pub reach: Reach,
    /// What it promises.
    pub promises: Promises,
    /// Capabilities that it does not have, and why.
    pub unsupported: BTreeMap<String, String>,
    /// Scenarios, by id or glob, that are not played, and why.
    pub excluded: Vec<(globset::GlobMatcher, String)>,
    /// Tokens of real accounts, by the user who plays with one: never written down anywhere.
    pub tokens: BTreeMap<String, Secret>,
}

/// One loaded target file that describes a hub.
#[derive(Debug, Clone)]
pub struct HubFile {
    /// The hub.
    pub program: Program,
    /// How names of a merged route are found.
    pub naming: Naming,
    /// What was learned of it, once in a run.
    pub learned: OnceLock<Result<String, String>>,
    /// Capabilities that it has.
    pub supports: Vec<String>,
}

/// One loaded target file that describes a server, to be asked with no hub between.
#[derive(Debug, Clone)]
pub struct ServerFile {
    /// The server. Its promises hold its profile: which tools play which roles.
    pub program: Program,
    /// Roles that change something for good, so that they are played only where that was allowed.
    pub destructive: BTreeSet<String>,
    /// What one user alone was shown of the roles, once in a run: by role, what did not work.
    pub tried: OnceLock<Result<BTreeMap<String, String>, String>>,
}

/// One loaded target file.
#[derive(Debug, Clone)]
pub enum TargetFile {
    /// Of a hub.
    Hub(HubFile),
    /// Of a server.
    Server(ServerFile),
}

/// Whose process it is.
#[derive(Debug, Clone)]
pub enum Life {
    /// Ours: one for each cell.
    Started(Start),
    /// Somebody else's, at this URL: it serves all cells.
    Running(String),
}

/// How it is started and ended. All texts have placeholders.
#[derive(Debug, Clone)]
pub struct Start {
    /// Program and arguments.
    pub command: Vec<Spanned<String>>,
    /// Where; the file's own folder where nothing is said.
    pub folder: Option<Spanned<String>>,
    /// What its environment has besides ours.
    pub environment: Vec<(String, Spanned<String>)>,
    /// What shows that it is ready.
    pub ready: Ready,
    /// How long that may take.
    pub within: Duration,
    /// How it is asked to end.
    pub signal: Signal,
    /// How long that may take before it is killed.
    pub grace: Duration,
}

/// What shows that it is ready.
#[derive(Debug, Clone)]
pub enum Ready {
    /// This status, or any, at this URL.
    Http(Spanned<String>, Option<u16>),
    /// A listener at this port or `host:port`.
    Tcp(Spanned<String>),
    /// A line of its output with these words.
    Says(String),
}

/// A file that is written for the hub.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its name, below the cell's own folder `{dir}`.
    pub to: String,
    /// What is written.
    pub template: Template,
}

/// Text with `minijinja` expressions.
#[derive(Debug, Clone)]
pub struct Template {
    /// Decides by its ending how values are escaped: `.json` and `.yaml` as JSON, anything else not at all.
    pub name: String,
    /// The text, and where it stands.
    pub source: Source,
}

/// A request or command that tells the hub something.
#[derive(Debug, Clone)]
pub struct Provisioning {
    /// How often, and for whom.
    pub each: Each,
    /// What is done.
    pub what: What,
    /// What of the answer is kept: name, and JSON pointer.
    pub capture: Vec<(Spanned<String>, String)>,
    /// The whole step, for messages.
    pub span: crate::scenario::source::Span,
}

/// For whom a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    /// Once.
    Once,
    /// For every user.
    User,
    /// For every key of every user.
    Key,
    /// For every upstream.
    Upstream,
}

/// What a step does. All texts have placeholders; a body is a template.
#[derive(Debug, Clone)]
pub enum What {
    /// An HTTP request.
    Request {
        /// The method.
        method: http::Method,
        /// Where.
        url: Spanned<String>,
        /// With which headers.
        headers: Vec<(String, Spanned<String>)>,
        /// With which body.
        body: Option<Template>,
        /// The status that must come; `None` is any success.
        status: Option<u16>,
    },
    /// A command, which must end with 0.
    Command(Vec<Spanned<String>>),
    /// Nothing, until its process writes a line with these words that it has not written before the first step.
    Says(Spanned<String>),
}

/// Where it is reached. All texts have placeholders.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The route of one upstream, or of the server.
    pub upstream: Option<Spanned<String>>,
    /// The route of a group.
    pub group: Option<Spanned<String>>,
    /// The route of everything.
    pub all: Option<Spanned<String>>,
    /// The header that shows a user's key, and its value with `{key}`; `None` is `authorization: Bearer {key}`.
    pub header: Option<(String, String)>,
}

/// How names of a merged route are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// By this template.
    Template(String),
    /// From the list that the hub gives.
    Learned,
}
