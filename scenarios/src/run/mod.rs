//! A run: cells played, judged and told to whoever listens.
//!
//! - [`verdict`]: what came of one cell.

pub mod verdict;

pub use verdict::{CellReport, Verdict};
