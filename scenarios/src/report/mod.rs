//! What a person reads, made from cell reports alone.
//!
//! - [`terminal`]: a run, as it goes and at its end.
//! - [`group`]: equal findings of many cells told once.
//! - [`failure`]: one finding with its line, its words and its picture; [`lanes`]: the picture.
//! - [`findings`]: what was found, without what differs from run to run.
//! - [`tally`]: how many cells came out how, and the exit code.
//! - [`observed`]: real traffic, judged.
//! - [`matrix`]: which check killed which defect.

pub mod failure;
pub mod findings;
pub mod group;
pub mod lanes;
pub mod matrix;
pub mod observed;
pub mod tally;
pub mod terminal;
