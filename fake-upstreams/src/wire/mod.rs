//! The codec that fakes and actors share. It stays out of every hub: the judge and the judged have
//! no protocol code in common.
//!
//! - [`sse`]: event streams.
//! - [`rpc`]: JSON-RPC envelopes.
//! - [`header`]: values of mirrored headers.

pub mod header;
pub mod rpc;
pub mod sse;
