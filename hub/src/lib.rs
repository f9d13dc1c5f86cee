//! The reference MCP hub: many users, shared upstream servers, and nothing of one user's ever reaches
//! another.
//!
//! In reading order, from the socket inwards:
//! - [`config`], [`environment`]: what the operator decides, and what the hub takes from outside; [`launcher`]: child
//!   processes.
//! - [`edge`]: connections, limits, and the gate at which a caller is checked; [`identity`]: the result; [`people`]: who
//!   may come, and what ends when that changes.
//! - [`downstream`]: client sessions and their HTTP; [`catalog`]: what a caller may see and use.
//! - [`relay`]: one request's way, and back; [`upstream`]: what is sent to servers, and as whom.
//! - [`era`]: what differs between the two eras of the protocol; [`sealer`]: what a client keeps for the hub.
//! - [`envelope`]: JSON-RPC as bytes.
//! - `bench`, only with the feature of that name: what is measured of the inside.
//! - [`isolation`]: every table that callers share, and how narrow it is. Start here if you audit.

#[cfg(feature = "bench")]
pub mod bench;
mod catalog;
pub mod config;
mod downstream;
pub mod edge;
mod envelope;
pub mod environment;
mod era;
mod hub;
mod identity;
pub mod isolation;
pub mod launcher;
mod people;
mod relay;
mod sealer;
mod upstream;

pub use config::{Config, ConfigError};
pub use edge::{HubHandle, Lanes, serve, serve_in};
pub use environment::Environment;
pub use hub::{Hub, HubError};
pub use isolation::Isolation;
pub use people::Changes;
