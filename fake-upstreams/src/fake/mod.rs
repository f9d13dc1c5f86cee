//! One fake MCP server.
//!
//! - [`server`]: what it knows, and its answer to one HTTP request; [`request`]: what such a request is.
//! - [`stateful`]: sessions. [`stateless`]: requests on their own, and [`meta`], what each must say of itself.
//! - [`process`]: the same over lines, in a process of one client's.
//! - [`call`]: a tool call with everything that can go wrong.
//! - [`offers`]: lists page by page, prompts, resources, completions.
//! - [`streams`]: questions to the caller's client, and the listening stream.
//! - [`contexts`], [`rounds`], [`listens`]: what the stateless era has instead of a session's state, questions and stream.
//! - [`lab`], [`tasks`]: how the tools of `lab` are played, and what goes on after an answer.
//! - [`spoiled`]: where a spoiled one does something else.
//! - [`answer`]: the bytes that leave.

pub(crate) mod answer;
mod call;
mod contexts;
mod lab;
mod listens;
mod meta;
mod offers;
pub(crate) mod process;
pub(crate) mod request;
mod rounds;
pub(crate) mod server;
mod spoiled;
mod stateful;
mod stateless;
pub(crate) mod streams;
mod tasks;

pub use server::Fake;
