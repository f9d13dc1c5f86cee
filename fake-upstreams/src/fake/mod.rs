//! One fake MCP server.
//!
//! - [`server`]: what it knows, and its answer to one HTTP request.
//! - [`call`]: a tool call with everything that can go wrong.
//! - [`offers`]: lists page by page, prompts, resources, completions.
//! - [`streams`]: questions to the caller's client, and the listening stream.
//! - [`spoiled`]: where a spoiled one does something else.
//! - [`answer`]: the bytes that leave.

pub(crate) mod answer;
mod call;
mod offers;
pub(crate) mod server;
mod spoiled;
pub(crate) mod streams;

pub use server::Fake;
