//! `jira`: an MCP server that keeps nothing of accounts and asks a service for everything, as whoever calls.
//!
//! - [`tools`]: its tools, each one request to the service with the caller's own token.
//! - [`rest`]: the way there: a router in this process, or HTTP.
//! - [`mod@service`]: the service itself, with accounts, rights and issues.

pub mod rest;
pub mod service;
pub(crate) mod tools;

pub use rest::{Remote, Rest, RestAnswer, RestError, RestRequest, Routed};
pub use service::service;
