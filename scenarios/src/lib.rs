//! Crosstalk: the suite that proves that an MCP hub keeps its users apart.
//!
//! In reading order:
//! - [`scenario`]: what a scenario file says; [`library`], [`select`], [`registry`]: which ones there are.
//! - [`diagnostics`]: what is told about a line of a file.
//! - [`run`]: scenarios spread out into cells, played and judged.
//! - [`engine`]: how one cell is played; [`target`]: against what.
//! - [`doctor`]: what a target file lacks.
//! - [`explore`]: random programs of many users, and the smallest that fails.
//! - [`report`]: what a person reads; [`mutants`]: whether every check can fail; [`coverage`]: which bug classes are seen;
//!   [`cli`]: the command line.
//! - [`observe`]: taps in real traffic, and what can be said of it.
//! - [`trace`]: what is written down; [`oracles`]: what is judged, from that alone.

pub mod cli;
pub mod coverage;
pub mod diagnostics;
pub mod doctor;
pub mod engine;
pub mod explore;
pub mod library;
pub mod mutants;
pub mod observe;
pub mod oracles;
pub mod registry;
pub mod report;
pub mod run;
pub mod scenario;
pub mod select;
pub mod target;
pub mod trace;
