//! The tools of each fake, and what they do.
//!
//! - [`db`]: a context, notes and SQL, all bound to the session.
//! - [`github`]: repositories and issues of the account whose token a request carries.
//! - [`jira`]: issues at a service that the server asks with the caller's own token.
//! - [`lab`]: every feature of the protocol, and the fixtures of the official suite.
//! - [`offers`]: prompts, resources, templates and completions of each.

pub mod db;
pub mod github;
pub mod jira;
pub(crate) mod lab;
pub mod offers;
pub use offers::prompts;
pub use tools::{Tool, stateless_tool_names, stateless_tools, tool_names, tools};

mod tools;
