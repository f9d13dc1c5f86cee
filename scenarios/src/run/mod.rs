//! A run: scenarios spread out into cells, played, judged and told to whoever listens.
//!
//! - [`options`]: what a run is asked to do.
//! - [`mod@plan`]: the matrix: revision, credential mode, release order.
//! - [`cell`]: one cell, played among others and alone, then judged.
//! - [`workers`]: cells side by side, told in the order of the plan.
//! - [`verdict`]: what came of one cell.

pub mod cell;
pub mod options;
pub mod plan;
pub mod verdict;
pub mod workers;

pub use options::{Mode, Options};
pub use plan::{Cell, plan};
pub use verdict::{CellReport, Verdict};
pub use workers::play;
