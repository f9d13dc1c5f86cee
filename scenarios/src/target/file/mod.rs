//! A target file: how a hub or a server is started, told and reached, what it promises and what it cannot do.
//!
//! - [`model`]: what a file says, after loading.
//! - [`words`]: which words stand where; the documentation and the schema are made from them.
//! - [`mod@load`]: from text to model, every problem told with its line. [`steps`]: the requests and commands in it;
//!   [`mod@files`]: the files that it writes; [`server`]: the roles and accounts of a server.
//! - [`mod@fill`]: `{port}` and the like in single lines. [`template`]: whole files and bodies.

mod files;
pub mod fill;
mod load;
pub mod model;
mod server;
mod steps;
pub mod template;
pub mod words;

pub use load::load;
pub use model::{HubFile, Program, ServerFile, TargetFile};
