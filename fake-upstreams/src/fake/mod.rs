//! One fake MCP server.
//!
//! - [`server`]: what it knows, and its answer to one HTTP request.
//! - [`call`]: a tool call with everything that can go wrong.
//! - [`offers`]: lists page by page, prompts, resources, completions.
//! - [`answer`]: the bytes that leave.

pub(crate) mod answer;
mod call;
mod offers;
pub(crate) mod server;

pub use server::Fake;
