//! Clients of other people, unmodified, from their registries, through the hub: two users side by side, each of whom must
//! get what is theirs.
//!
//! `xtask/peers/talk.json` says once what every client is asked to do and what has to come; beside it stands a small
//! program for each client, which does it and tells what came. rmcp is tried where it can be linked, in the tests of the hub.
//!
//! - [`clients`]: who is tried, in which eras, and what each cannot do.
//! - [`talk`]: what is asked, and what was told. [`judge`]: what came beside what had to come.
//! - [`stage`]: the hub and its upstreams. [`cancels`]: whether an upstream heard of a cancel.
//! - [`python`]: packages of Python; those of npm are in [`crate::npm`].

mod cancels;
mod clients;
mod judge;
mod python;
mod stage;
mod talk;

pub(crate) use clients::{FASTMCP, PYTHON, PYTHON_1, TYPESCRIPT, TYPESCRIPT_1, try_all};
pub(crate) use python::fastmcp;
