//! A trace: everything that crossed the wire in one cell, in one order, after the facts it was run under.
//!
//! A trace is the only thing that an oracle sees, so a stored trace can be judged again at any time,
//! and one seed gives one trace, byte for byte, in the in-process mode.
//!
//! Read in this order:
//! - [`facts`]: what was declared before the first byte: users, keys, credentials, sharing level.
//! - [`event`]: what happened.
//! - [`recorder`]: how the engine and the fakes write it down.
//! - [`index`]: the questions that oracles ask of it: whose call, whose session, whose mark. `parts`: what it is made of.
//! - [`sight`]: finding marks in bytes, however they are encoded.
//! - [`stored`]: a trace in a file, and back.

pub mod event;
pub mod facts;
pub mod index;
mod parts;
pub mod recorder;
pub mod sight;
pub mod stored;

use serde::{Deserialize, Serialize};

pub use event::{Event, Exchange, Purpose};
pub use facts::{Facts, Sharing};
pub use index::Index;

/// One cell's trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// What was declared.
    pub facts: Facts,
    /// What happened, in the order in which the harness saw it.
    pub events: Vec<Event>,
}
