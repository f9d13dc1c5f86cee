//! `crosstalk doctor`: walks through everything that a target file promises, step by step, and says what is missing.
//!
//! - [`mod@walk`]: the steps, in order, until one fails that the others need.
//! - [`seen`]: what the trace of the probe shows. [`roles`]: what that of a server shows. [`mod@line`]: how a step is told.

mod line;
mod roles;
mod seen;
mod walk;

pub use line::{Line, Outcome};
pub use walk::walk;
