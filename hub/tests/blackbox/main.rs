//! The hub as others meet it: over sockets and on the command line.
//!
//! - [`running`]: a hub in front of fakes or of any upstream, and a client of plain HTTP.
//! - [`http`]: what goes upstream, what comes back, what is refused, what is logged.
//! - [`merged`]: routes of several servers. [`lanes`]: a hub of several threads.
//! - [`talks`]: what upstreams ask and tell, and streams that break; [`questions`]: the same by the byte.
//! - [`resumed`]: calls whose stream their upstream ends too early.
//! - [`stateless`]: requests that stand alone, to an upstream of [`desk`] that a test plays by hand; [`states`]: those that
//!   take several rounds; [`tasks`]: those that go on after their answer.
//! - [`people`]: who may come, changed while the hub runs.
//! - [`bridged`]: the same to an upstream that keeps sessions. [`kept`]: answers that are given again.
//! - [`older`]: clients with sessions to an upstream that keeps none.
//! - [`eras`]: rmcp in every pair of eras, and any JSON.
//! - [`stdio`]: servers that are child processes, which are [`children`] of the test program.
//! - [`clients`]: rmcp's client and server at both ends. [`cli`]: the command line.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bridged;
#[cfg(unix)]
mod children;
mod cli;
mod clients;
mod desk;
mod eras;
mod http;
mod kept;
mod lanes;
mod merged;
mod older;
mod people;
mod questions;
mod resumed;
mod running;
mod stateless;
mod states;
#[cfg(unix)]
mod stdio;
mod talks;
mod tasks;
