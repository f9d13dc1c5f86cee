//! What an [`Index`](super::Index) is made of: messages, arrivals and marks, each with what belongs to it found.

use fake_upstreams::Basis;

use super::{Exchange, Purpose};
use crate::scenario::model::Actor;

/// One HTTP exchange of an actor with the target.
#[derive(Debug)]
pub struct Message<'t> {
    /// Its number.
    pub exchange: Exchange,
    /// Position of the request in the event list.
    pub at: usize,
    /// Who sent it.
    pub actor: &'t Actor,
    /// On which route.
    pub upstream: &'t str,
    /// For which step.
    pub step: usize,
    /// Why.
    pub purpose: Purpose,
    /// The mark by which upstreams name it.
    pub mark: Option<&'t str>,
    /// HTTP method.
    pub method: &'t str,
    /// The session id presented.
    pub session: Option<&'t str>,
    /// The body as sent.
    pub body: &'t str,
    /// What came back: whole, or as far as a stream has come.
    pub answer: Option<Answer<'t>>,
    /// The same, at every moment at which more of a stream had come.
    pub heard: Vec<Answer<'t>>,
}

/// What came back on an exchange.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'t> {
    /// Position in the event list.
    pub at: usize,
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: &'t [(String, String)],
    /// The whole body.
    pub body: &'t str,
}

/// One request as an upstream saw it.
#[derive(Debug)]
pub struct Arrival<'t> {
    /// Which upstream.
    pub upstream: &'t str,
    /// Its number there.
    pub exchange: u64,
    /// Position in the event list.
    pub at: usize,
    /// HTTP method.
    pub method: &'t str,
    /// Headers, names in lower case.
    pub headers: &'t [(String, String)],
    /// The body.
    pub body: &'t str,
    /// The upstream session it used, or opened.
    pub session: Option<&'t str>,
    /// The exchange of the actor that caused it, where it carries that call's mark.
    pub cause: Option<Exchange>,
    /// What the upstream answered.
    pub answer: Option<Answer<'t>>,
    /// How often the tool really ran.
    pub executed: u64,
    /// What the upstream asked the service behind it.
    pub service: Vec<Asked<'t>>,
}

/// A request of an upstream to the service behind it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'t> {
    /// Position in the event list.
    pub at: usize,
    /// Path and query.
    pub path: &'t str,
    /// The bearer token that was shown.
    pub token: Option<&'t str>,
}

/// A mark and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<'t> {
    /// The mark.
    pub text: &'t str,
    /// Whose.
    pub owner: Owner<'t>,
    /// The upstream exchange that minted it, for marks of answers.
    pub minted: Option<(&'t str, u64)>,
    /// For what it was minted there.
    pub(super) basis: Option<&'t Basis>,
    /// What it stands for.
    pub kind: MarkKind,
}

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// A `$canary`: data of its owner.
    Canary,
    /// A request of its owner, put into `_meta` by the actor.
    Request,
    /// The answer to one call.
    Answer,
    /// Data at rest of an account, or state of a session.
    Data,
}

/// Whose a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'t> {
    /// One actor's.
    Actor(&'t Actor),
    /// A user's, whichever client.
    User(&'t str),
    /// Anyone may have it.
    Public,
    /// The trace does not tell.
    Unresolved,
}

impl<'t> Owner<'t> {
    /// The user, where there is one.
    pub fn user(self) -> Option<&'t str> {
        match self {
            Owner::Actor(actor) => Some(&actor.user),
            Owner::User(user) => Some(user),
            Owner::Public | Owner::Unresolved => None,
        }
    }
}

impl Message<'_> {
    /// The downstream session that this message used or opened.
    pub fn session_used(&self) -> Option<&str> {
        // An `initialize` may bring an id that means nothing: what counts is the one it was given.
        let given = self.answer.as_ref().and_then(|answer| header(answer.headers, "mcp-session-id"));
        given.or(self.session)
    }
}

impl<'t> Arrival<'t> {
    /// The bearer token, without the scheme.
    pub fn token(&self) -> Option<&'t str> {
        header(self.headers, "authorization").map(|v| v.strip_prefix("Bearer ").unwrap_or(v))
    }
}

/// The credential in `authorization`, without its scheme.
pub fn credential(headers: &[(String, String)]) -> Option<&str> {
    let value = header(headers, "authorization")?;
    Some(value.split_once(' ').map_or(value, |(_, credential)| credential.trim_start()))
}

/// The first header of this name; names are stored in lower case.
pub fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}
