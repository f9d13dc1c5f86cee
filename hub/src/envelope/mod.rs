//! JSON-RPC envelopes as bytes: read just enough to route, forward the rest unchanged.
//!
//! - [`object`]: one level of a JSON object, keys in order, duplicates refused.
//! - [`id`]: request ids, equal when they mean the same.
//! - [`message`]: requests, notifications and responses; ids spliced in place.
//! - [`sse`]: event streams, read as they come and written.

pub(crate) mod id;
pub(crate) mod message;
pub(crate) mod object;
pub(crate) mod sse;

pub(crate) use id::Id;
pub(crate) use message::{Kind, Malformed, Message, may_say, messages, splice, with_members, with_part};
pub(crate) use object::Object;
