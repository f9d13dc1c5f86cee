//! The edge: connections accepted, requests read within limits, callers checked.
//!
//! - [`mod@serve`]: listening, and ending.
//! - [`gate`]: what a request must show before anything else looks at it.

mod gate;
mod serve;

pub use serve::{HubHandle, serve};
