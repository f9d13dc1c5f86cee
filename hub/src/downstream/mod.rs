//! The clients' side: the stateful era of streamable HTTP, revisions 2025-06-18 and 2025-11-25.
//!
//! - [`session`]: a client session; its beginning and its end.
//! - [`stateful`]: POST, GET and DELETE of one request whose caller has been checked.
//! - [`answers`]: everything that the hub says in its own words.

pub(crate) mod answers;
mod session;
mod stateful;

pub(crate) use session::{Session, end, sweep};
pub(crate) use stateful::{Checked, handle};

/// The revisions that this hub speaks, newest first.
pub(crate) const REVISIONS: [&str; 2] = ["2025-11-25", "2025-06-18"];
