//! The clients' side: the stateful era of streamable HTTP, revisions 2025-03-26 to 2025-11-25.
//!
//! - [`session`]: a client session; its beginning and its end.
//! - [`stateful`]: POST, GET and DELETE of one request whose caller has been checked.
//! - [`batch`]: several messages in one POST, as revision 2025-03-26 has them.
//! - [`streams`]: event streams, of calls and of who listens, and how a broken one goes on.
//! - [`answers`]: everything that the hub says in its own words.

pub(crate) mod answers;
mod batch;
mod session;
mod stateful;
mod streams;

pub(crate) use session::{Greeting, Session, end, sweep};
pub(crate) use stateful::{Checked, handle};

/// The revisions that this hub speaks, newest first.
pub(crate) const REVISIONS: [&str; 3] = ["2025-11-25", "2025-06-18", BATCHING];
/// The only revision in which several messages may come in one POST.
const BATCHING: &str = "2025-03-26";
