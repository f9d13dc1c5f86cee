//! Crosstalk: the suite that proves that an MCP hub keeps its users apart.
//!
//! In reading order:
//! - [`scenario`]: what a scenario file says.
//! - [`trace`]: what is written down when one is played.

pub mod scenario;
pub mod trace;
