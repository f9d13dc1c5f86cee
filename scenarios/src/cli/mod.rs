//! The command line of `crosstalk`.
//!
//! - [`args`]: what can be said; [`commands`]: what is then done.
//! - [`traces`]: traces written to files.

mod args;
mod commands;
mod traces;

pub use args::Cli;
pub use commands::run;
