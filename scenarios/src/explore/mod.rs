//! Random programs of many users, played like any scenario, and shrunk to a file where one fails.
//!
//! Read in this order:
//! - [`program`]: who takes part and what they do, as plain data; [`strategy`]: how it is made by chance.
//! - [`memory`]: the reference model: what each session and account knows, and so what must be answered.
//! - [`script`]: from a program to steps with their expectations; [`requests`], [`calls`]: its parts.
//! - [`file`](mod@file): steps as an ordinary scenario file, loaded and played by the ordinary suite.
//! - [`search`]: programs side by side until one fails; [`shrink`](mod@shrink): the smallest of its kind that still does.
//! - [`blame`]: which bug classes a finding looks like.

pub mod blame;
mod calls;
pub mod file;
mod memory;
pub mod program;
mod requests;
mod script;
pub mod search;
pub mod shrink;
pub mod strategy;

pub use file::{Heading, Written};
pub use program::Program;
pub use search::{Found, Search, Searched, Stage};
pub use shrink::{Smaller, shrink};
