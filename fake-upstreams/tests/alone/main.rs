//! The fakes in the stateless era, as a client without any memory meets them: by plain HTTP.
//!
//! - [`client`]: such a client. [`fakes`]: `db`, `github` and `jira`. [`lab`]: what no official scenario sees of `lab`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod fakes;
mod lab;
