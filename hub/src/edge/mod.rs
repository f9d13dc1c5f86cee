//! The edge: connections accepted, requests read within limits, callers checked.
//!
//! - [`mod@serve`]: listening, and ending.
//! - [`lanes`]: threads, each of which serves some of the connections.
//! - [`gate`]: what a request must show before anything else looks at it.

mod gate;
mod lanes;
mod serve;

pub use lanes::Lanes;
pub use serve::{HubHandle, serve, serve_in};
