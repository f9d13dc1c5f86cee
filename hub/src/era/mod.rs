//! The two eras of the protocol, and what differs between their messages.
//!
//! In the stateful era (revisions 2025-03-26 to 2025-11-25) a session is opened with `initialize` and everything that
//! was agreed there holds for it. In the stateless era (revision 2026-07-28) each request says in its `_meta` what it
//! needs to be understood, and mirrors in its headers what somebody in between may want to know.
//!
//! - [`meta`]: what a stateless request says of itself, read, taken out, put in.
//! - [`mirror`]: the headers that repeat what stands in the body.
//! - [`results`]: answers of one era as the other one expects them.
//! - [`level`]: how severe a log message is.
//! - [`words`]: what a client must offer to be asked, and JSON that is the same in another order.

pub(crate) mod level;
pub(crate) mod meta;
pub(crate) mod mirror;
pub(crate) mod results;
mod words;

pub(crate) use level::Level;
pub(crate) use meta::Meta;
pub(crate) use words::{canonical, capability_for};

/// The revision of the stateless era.
pub(crate) const STATELESS: &str = "2026-07-28";

/// JSON-RPC code: a header does not say what the body says.
pub(crate) const HEADER_MISMATCH: i64 = -32020;
/// JSON-RPC code: the request would need a capability that it did not declare.
pub(crate) const MISSING_CAPABILITY: i64 = -32021;
/// JSON-RPC code: a revision that is not spoken here.
pub(crate) const UNSUPPORTED_REVISION: i64 = -32022;

/// Requests that may be answered with a wish for more input.
pub(crate) const IN_ROUNDS: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// How a peer is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// In sessions.
    Stateful,
    /// By requests that stand alone.
    Stateless,
}
