//! A scenario: one file, one promise that a hub makes to its users.
//!
//! Read in this order:
//! - [`model`]: what a scenario *is*, after loading; the engine and the oracles see only this.
//! - [`source`]: a file's text, and spans that point into it.

pub mod model;
pub mod source;
