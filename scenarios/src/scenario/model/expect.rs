//! What must come of a step.

use serde::{Deserialize, Serialize};

/// What must come of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// The texts of the result, joined by newlines.
    Text(TextMatch),
    /// The call must fail with a JSON-RPC error or `isError` result whose message matches.
    Error(TextMatch),
    /// Any answer, a result or an error, with none of these in it: what is another user's is the oracles' business.
    Answered {
        /// Must not be there.
        excludes: Vec<String>,
    },
    /// The answer comes before that of the call with this label, which was begun before.
    Before(String),
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
    /// For whom the answer says that it may be kept: `private` or `public`.
    Scope(String),
    /// For how many milliseconds the answer says that it is fresh.
    FreshFor(u64),
    /// How often the request came to its upstream.
    Reached(u64),
    /// How often the upstream really ran the tool of this call.
    Executed(u64),
    /// How many notifications of progress came, each under the own token.
    Progress(u64),
    /// How many log lines came on the way to the answer.
    Logs(u64),
    /// What came on a stream by then (`wait-for`).
    Told(TextMatch),
    /// How many requests of a batch were answered, each exactly once.
    Answers(u64),
    /// How many cancels reached the upstream for that call, by the id it has there (`cancel`).
    Canceled(u64),
}

/// A condition on a text. `$canary` forms and `$account` are replaced before comparing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextMatch {
    /// Contains all of these.
    Contains(Vec<String>),
    /// Contains none of these.
    Excludes(Vec<String>),
    /// This and nothing else. A mark that is no canary is written `<mark>`; the last line, in which an upstream puts
    /// the mark of the call, is left out.
    Exactly(String),
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
    /// A JSON-RPC error, and the same answer as a request state that nobody was ever given gets.
    LikeUnknownState,
    /// An error, and the same answer as a handle that nobody was ever given gets.
    LikeUnknownHandle,
    /// 400 and -32020: headers and body do not say the same.
    HeaderMismatch,
    /// 400 and -32021: what is asked takes a capability that this request does not declare.
    MissingCapability,
    /// 400 and -32022: the version is not spoken, with those that are.
    UnsupportedVersion,
    /// 400 and -32602: what every request must say of its client is missing.
    MissingMeta,
    /// 404 and -32601: there is no such method in this era.
    UnknownMethod,
}
