//! One request's way through the hub, and back.
//!
//! - [`mod@upstream_session`]: the session that a client session has at its upstream.
//! - [`mod@call`]: a call from its client's id to its answer, whatever happens in between.
//! - [`carry`]: the request sent, its answer read, every message looked up and handed on.
//! - [`mod@notify`]: notifications, cancels among them.

mod call;
mod carry;
mod notify;
mod upstream_session;

pub(crate) use call::{CallHandle, Delivery, Refused, Step, call};
pub(crate) use notify::notify;
pub(crate) use upstream_session::{UpstreamSession, close, of as upstream_session};
