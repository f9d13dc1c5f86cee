//! A scenario: one file, one promise that a hub makes to its users.
//!
//! Read in this order:
//! - [`model`]: what a scenario *is*, after loading; the engine and the oracles see only this.
//! - [`source`]: a file's text, and spans that point into it.
//! - [`canary`]: `$canary` forms, replaced by marks.
//! - [`grammar`]: which words stand where; the schema for editors is made from it.
//! - [`tree`]: YAML as a tree of spanned nodes; [`lower`]: from that tree to the model, every problem told.

pub mod canary;
pub mod grammar;
pub mod lower;
pub mod model;
pub mod source;
pub mod tree;

pub use lower::load;
pub(crate) use lower::own;
