//! Attach to real traffic: a tap in front of a hub, one before each upstream, and what can be said of
//! what they saw.
//!
//! What passes:
//! - [`seen`]: one exchange as a tap saw it, and the bounded book of all of them.
//! - [`tap`]: the proxy itself: bytes pass as they come, and are written down.
//! - [`person`]: who sent a client's exchange.
//! - [`redact`]: secrets become fingerprints before anything is stored.
//! - [`recording`]: the file, a line for each exchange.
//! - [`plan`]: where taps stand and who is who; [`load`]: from a file or the command line.
//! - [`live`]: all taps together, for as long as somebody wants; [`journal`]: what they see, written down.
//!
//! What is made of a recording, and of nothing else:
//! - [`causes`]: which client's exchange caused which upstream's, without marks and without guessing.
//! - [`mod@bridge`]: a trace, as oracles read it.
//! - [`judged`]: what they found, and what could not be judged.
//! - [`window`]: the few exchanges that show a finding; [`mod@draft`]: a scenario file of them.

pub mod bridge;
pub mod causes;
pub mod draft;
pub mod journal;
pub mod judged;
pub mod live;
pub mod load;
pub mod person;
pub mod plan;
pub mod recording;
pub mod redact;
pub mod seen;
pub mod tap;
#[cfg(test)]
mod tests;
pub mod window;
