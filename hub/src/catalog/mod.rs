//! What a caller may see and use: routes, rights, and many servers shown as one.
//!
//! - [`route`]: what a path leads to, for this user.
//! - [`rights`]: which tools they may list and call.
//! - [`listing`]: the four lists, read and merged.
//! - [`names`]: which server a name or a URI belongs to.
//! - [`mod@listen`]: what several servers tell, on one stream.
//! - [`merged`]: one request at a route with several servers; [`lists`]: their lists; [`owners`]: their resources.

mod listen;
mod listing;
mod lists;
mod merged;
mod names;
mod owners;
pub(crate) mod rights;
mod route;

pub(crate) use listen::listen;
pub(crate) use listing::List;
pub(crate) use merged::{answer, welcome};
pub(crate) use names::{Owner, ToldUri};
pub(crate) use route::{Reach, Route, find};
