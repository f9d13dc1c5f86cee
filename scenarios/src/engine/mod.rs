//! The engine plays one cell: it raises upstreams and target, acts for every user, forces the order
//! in which requests arrive and answers are released, and writes everything down.
//!
//! It never judges. Read in this order:
//! - [`cast`]: users, keys, credentials and canaries of a cell; the facts that open its trace.
//! - [`stage`]: fake upstreams and target, up and listening.
//! - [`client`]: the actors' raw HTTP client, one connection for each request.
//! - [`envelope`]: the requests that actors write.
//! - [`call`]: a request on its way, and what became of it.
//! - [`pace`]: how long to wait, in virtual or real time.
//! - [`sessions`]: who holds which session id.
//! - [`player`]: the steps, one after another; [`verbs`]: what each of them does.
//! - [`requests`]: what a polite client asks, by which tool of a server ([`roles`]) and with what going wrong
//!   ([`faults`]); [`gates`]: calls that wait upstream; [`streams`]: listening, and answering what an upstream asks;
//!   [`rounds`]: the same in the stateless era, where a client asks again; [`raw`]: what a polite client would not send,
//!   with secrets that are [`forged`].

pub mod call;
pub mod cast;
pub mod client;
pub mod envelope;
pub mod faults;
pub mod forged;
mod gates;
pub mod pace;
pub mod player;
mod raw;
mod requests;
pub mod roles;
mod rounds;
pub mod sessions;
pub mod stage;
pub mod streams;
pub mod verbs;
