//! A server that is a child process: one JSON-RPC message a line, on its standard input and output.
//!
//! - [`child`]: a child as those see it who speak to it.
//! - [`lines`]: what it says to one message, or outside of answers.
//! - [`sorter`]: what it says, sorted by what it is about.
//! - [`keeper`]: its life, from the start until nothing of it is left.

pub(crate) mod child;
mod keeper;
pub(crate) mod lines;
mod sorter;

pub(crate) use child::{Asking, Child, not_started};
pub(crate) use keeper::{GRACE, Owner};
pub(crate) use lines::Lines;
pub(crate) use sorter::{About, Audience};
