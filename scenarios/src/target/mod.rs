//! What is judged: the reference hub, another hub, a server, or (for control runs) nothing between actor and upstream.
//!
//! - [`kind`]: which target it is, and what the engine asks of any of them.
//! - [`provision`]: what a target is told before it starts, the same for every target.
//! - [`mod@file`]: target files; [`room`]: a hub that one describes, started for one cell; [`declines`]: what it is not asked.
//!   [`provisioning`]: the requests and commands that tell it about users and upstreams.
//!   [`trial`]: whether the roles of a server work for one user alone.
//!   [`naming`]: its names on a route of several upstreams, where the file leaves them to be learned.
//! - [`process`]: somebody else's program, started and ended; [`ready`]: when it can be used; [`ports`]: where it listens.
//! - [`children`]: upstreams that the target starts as child processes.
//! - [`mod@reference`]: the hub of this repository, the only file of the suite that names it.

pub mod children;
pub mod declines;
pub mod file;
pub mod kind;
mod naming;
pub mod ports;
pub mod process;
pub mod provision;
pub mod provisioning;
pub mod ready;
pub mod reference;
pub mod room;
pub(crate) mod trial;

pub use kind::Target;
pub use provision::{Addresses, Guest, Promises, Provision, Running};
pub use reference::Desk;
