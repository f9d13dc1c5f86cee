//! What the hub costs, measured beside what any intermediary costs. `docs/decisions/0011-measuring.md` has the why.
//!
//! - [`parties`]: what runs in processes of their own: an upstream, a proxy that only copies, a generator of load.
//! - [`process`]: such a process started, asked what it used, and ended.
//! - [`relay`]: calls a second and CPU of a call, in paired rounds; [`memory`]: what an idle session takes.
//! - [`estimates`]: what criterion measured of the parts, in `benches/`.
//! - [`spread`]: median and quartiles; [`table`]: the one table, with the goals.

pub mod estimates;
pub mod memory;
pub mod parties;
pub mod process;
pub mod relay;
pub mod spread;
pub mod stage;
pub mod table;
