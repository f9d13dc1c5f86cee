//! The way to upstream servers: who we are there, what is sent, what comes back.
//!
//! - [`fault`]: everything that can go wrong, said without a secret.
//! - [`transport`]: the way to a server.
//! - [`client`]: HTTP without redirects, cookies, proxies or retries; [`mod@line`]: one connection.
//! - [`headers`]: credential and identity, put into every request anew.
//! - [`answer`]: what comes back; [`frames`]: its messages, one by one, whether JSON, event stream or lines.
//! - [`stdio`]: servers that are child processes.

pub(crate) mod answer;
pub(crate) mod client;
pub(crate) mod fault;
pub(crate) mod frames;
pub(crate) mod headers;
mod line;
pub(crate) mod stdio;
pub(crate) mod transport;

pub(crate) use answer::Answer;
pub(crate) use client::Client;
pub(crate) use fault::Fault;
pub(crate) use transport::Transport;
