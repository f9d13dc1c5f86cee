//! `lab`: every feature of the protocol on demand, and every fixture that the official conformance suite calls, in both eras.
//!
//! A tool or prompt is a function from a [`Call`] to a [`Play`]: what is said on the way, and what comes of it. It reads no
//! socket and keeps nothing; the fake plays it.
//!
//! - [`play`]: what such a function is given, and what it gives back.
//! - [`content`]: results of every kind. [`telling`]: progress and log lines on the way to a result.
//! - [`asking`]: questions to the caller's client. [`inputs`]: results that ask for input, round by round.
//! - [`changes`]: lists that change. [`schemas`]: schemas that must survive, and parameters in headers.
//! - [`jobs`]: what goes on after its answer, as a task.
//! - [`offers`]: prompts, resources, templates, completions.

pub(crate) mod asking;
pub(crate) mod changes;
pub(crate) mod content;
pub(crate) mod inputs;
pub(crate) mod jobs;
pub(crate) mod offers;
pub(crate) mod play;
pub(crate) mod schemas;
pub(crate) mod telling;
mod tools;

pub(crate) use play::{Call, Play, Then};
pub(crate) use tools::{run, stateless_tools, tools};
