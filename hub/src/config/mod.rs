//! What the operator writes: servers, groups, users, limits.
//!
//! - [`secret`]: words that are never printed.
//! - [`mod@file`]: the file as it is written, strict; [`limits`]: its limits, with their defaults.
//! - [`model`]: what a hub runs on; [`load`]: from the file to it; [`mod@reach`]: how its servers are reached.

mod file;
mod limits;
mod load;
mod model;
mod reach;
mod secret;

pub use limits::Limits;
pub use load::ConfigError;
pub use model::{Command, Config, Credentials, Endpoint, Hints, Key, People, Reached, Server, SpokenTo, User};
pub use secret::Secret;
