//! The tools of each fake, and what they do.
//!
//! - [`db`]: a context, notes and SQL, all bound to the session.
//! - [`github`]: repositories and issues of the account whose token a request carries.

pub mod db;
pub mod github;

pub use tools::{Tool, tool_names, tools};

mod tools;
