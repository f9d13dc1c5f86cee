//! Attach to real traffic: a tap in front of a hub, one before each upstream, and what can be said of
//! what they saw.
//!
//! - [`seen`]: one exchange as a tap saw it, and the bounded book of all of them.
//! - [`tap`]: the proxy itself: bytes pass as they come, and are written down.
//! - [`causes`]: which client's exchange caused which upstream's, without marks and without guessing.
//! - [`redact`]: secrets become fingerprints before anything is stored.

pub mod causes;
pub mod redact;
pub mod seen;
pub mod tap;
