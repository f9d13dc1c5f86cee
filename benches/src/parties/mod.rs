//! What runs in processes of their own, so that no two share a scheduler and each one's CPU can be read.
//!
//! - [`upstream`]: an MCP server that does next to nothing, so that it hides nothing of what stands before it.
//! - [`proxy`]: a reverse proxy that only copies bytes: what any intermediary costs.
//! - [`load`]: clients that call as fast as they are answered, and check every answer; [`client`]: one of them.

pub mod client;
pub mod load;
pub mod proxy;
pub mod upstream;
