//! The command line of `crosstalk`.
//!
//! - [`args`]: what can be said; [`commands`]: what is then done.
//! - [`doctor`]: what a target file lacks.
//! - [`explore`]: what can be said of a search for failing programs, and what is then done.
//! - [`observe`]: taps in real traffic; [`judge`]: their recording, judged.
//! - [`traces`]: traces written to files.
//! - [`patient`]: a reader who leaves does not change the verdict.

mod args;
mod commands;
mod doctor;
mod explore;
mod judge;
mod observe;
mod patient;
mod traces;

pub use args::Cli;
pub use commands::run;
