//! What the operator writes: servers, groups, users, limits.
//!
//! - [`secret`]: words that are never printed.
//! - [`mod@file`]: the file as it is written, strict; [`limits`]: its limits, with their defaults.
//! - [`model`]: what a hub runs on; [`load`]: from the file to it.

mod file;
mod limits;
mod load;
mod model;
mod secret;

pub use limits::Limits;
pub use load::ConfigError;
pub use model::{Config, Credentials, Key, Server, SpokenTo, User};
pub use secret::Secret;
