//! What the operator writes: servers, users, limits.
//!
//! - [`secret`]: words that are never printed.
//! - [`mod@file`]: the file as it is written, strict; [`limits`]: its limits, with their defaults.
//! - [`load`]: from the file to a configuration without doubt in it.

mod file;
mod limits;
mod load;
mod secret;

pub use limits::Limits;
pub use load::{Config, ConfigError, Credentials, Key, Server, User};
pub use secret::Secret;
