//! Crosstalk: the suite that proves that an MCP hub keeps its users apart.
//!
//! In reading order:
//! - [`scenario`]: what a scenario file says.

pub mod scenario;
