//! Crosstalk: the suite that proves that an MCP hub keeps its users apart.
//!
//! In reading order:
//! - [`scenario`]: what a scenario file says.
//! - [`trace`]: what is written down when one is played.
//! - [`oracles`]: what is judged, from the trace alone.
//! - [`run`]: cells played, judged and told.

pub mod oracles;
pub mod run;
pub mod scenario;
pub mod trace;
