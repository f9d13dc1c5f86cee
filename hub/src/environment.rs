//! What the hub takes from outside: ways to upstreams, its own environment, randomness, the wall clock.
//!
//! Durations are measured with `tokio::time` throughout; the wall clock only dates what is told to
//! upstreams. The caller of the library owns all of it, so that a run can be repeated.

use std::{collections::BTreeMap, env, ffi::OsString, fmt, future::Future, io, pin::Pin, sync::Arc, time::SystemTime};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rand::{TryRng, rngs::SysRng};
use tower::ServiceExt;

use crate::launcher::{Launch, Processes};

/// A stream to an upstream.
pub trait Stream: hyper::rt::Read + hyper::rt::Write + Unpin + Send + Sync + 'static {}
impl<S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + Sync + 'static> Stream for S {}

/// A connection in the making.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// The way to upstreams.
pub trait Connect: Send + Sync + 'static {
    /// Opens a stream to the host and port of `uri`; with TLS where its scheme is `https`.
    fn connect(&self, uri: Uri) -> Connecting;
}

/// Randomness for session ids.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// Where the source fails; a hub without randomness opens no session.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// The wall clock.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> SystemTime;
}

/// Everything that the hub takes from outside.
#[derive(Clone)]
pub struct Environment {
    /// The way to upstreams.
    pub connector: Arc<dyn Connect>,
    /// The way to start child processes.
    pub launcher: Arc<dyn Launch>,
    /// The hub's own environment, which no child is given.
    pub variables: BTreeMap<String, OsString>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

impl Environment {
    /// Sockets with TLS; the operating system's processes, randomness and clock.
    pub fn system() -> Self {
        // A variable whose name is not Unicode is nobody's credential that a child could be lent by mistake.
        let variables = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self {
            connector: Arc::new(Sockets::new()),
            launcher: Arc::new(Processes),
            variables: variables.collect(),
            random: Arc::new(System),
            clock: Arc::new(System),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

/// Made once: the certificates of the web's authorities are read when it is made, which takes longer than a call.
#[derive(Debug)]
struct Sockets(HttpsConnector<HttpConnector>);

impl Sockets {
    fn new() -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self(HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(tcp))
    }
}

impl Connect for Sockets {
    fn connect(&self, uri: Uri) -> Connecting {
        let opening = self.0.clone().oneshot(uri);
        Box::pin(async move { Ok(Box::new(opening.await.map_err(io::Error::other)?) as Box<dyn Stream>) })
    }
}

#[derive(Debug)]
struct System;

impl Random for System {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        SysRng.try_fill_bytes(bytes).map_err(io::Error::other)
    }
}

impl Clock for System {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Makes a [`Stream`] of anything that tokio can read and write.
pub fn stream(
    io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + Sync + 'static,
) -> Box<dyn Stream> {
    Box::new(TokioIo::new(io))
}
