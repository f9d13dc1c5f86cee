//! What is judged: the reference hub, or (for control runs) nothing between actor and upstream.
//!
//! - [`kind`]: which target it is, and what the engine asks of any of them.
//! - [`provision`]: what a target is told before it starts, the same for every target.
//! - [`mod@reference`]: the hub of this repository, the only file of the suite that names it.

pub mod kind;
pub mod provision;
pub mod reference;

pub use kind::Target;
pub use provision::{Promises, Provision, Running};
