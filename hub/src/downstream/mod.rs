//! The clients' side: both eras of streamable HTTP on the same paths.
//!
//! - [`front`]: in which era a request is.
//! - [`session`]: a client session; its beginning and its end.
//! - [`stateful`]: POST, GET and DELETE inside sessions, revisions 2025-03-26 to 2025-11-25.
//! - [`batch`]: several messages in one POST, as revision 2025-03-26 has them.
//! - [`streams`]: event streams, of calls and of who listens, and how a broken one goes on.
//! - [`stateless`]: POST of a request that stands alone, revision 2026-07-28; [`subscriptions`]: one that listens.
//! - [`answers`]: everything that the hub says in its own words.

pub(crate) mod answers;
mod batch;
mod front;
mod session;
mod stateful;
mod stateless;
mod streams;
mod subscriptions;

pub(crate) use front::handle;
pub(crate) use session::{Greeting, Session, Standing, bridged, end, sweep};
pub(crate) use stateful::Checked;

/// The revisions of the stateful era that this hub speaks, newest first.
pub(crate) const REVISIONS: [&str; 3] = ["2025-11-25", "2025-06-18", BATCHING];
/// The only revision in which several messages may come in one POST.
const BATCHING: &str = "2025-03-26";
