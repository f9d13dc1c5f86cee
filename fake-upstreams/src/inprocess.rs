//! A network inside one process: hosts by name, connections as duplex pipes.

use std::{
    collections::BTreeMap,
    future, io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::DuplexStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// Bytes that one side may write before the other has read: small enough that nobody hides behind it.
const PIPE: usize = 64 << 10;

/// Hosts that listen in this process.
#[derive(Debug, Default)]
pub struct Network {
    hosts: Mutex<BTreeMap<String, UnboundedSender<DuplexStream>>>,
}

impl Network {
    /// A network without hosts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens as `host`.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] where somebody does already.
    pub fn listen(&self, host: &str) -> io::Result<DuplexListener> {
        let (knock, knocks) = unbounded_channel();
        let mut hosts = self.lock();
        if hosts.get(host).is_some_and(|knock| !knock.is_closed()) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("`{host}` listens already")));
        }
        hosts.insert(host.to_owned(), knock);
        Ok(DuplexListener { host: host.to_owned(), knocks })
    }

    /// Connects to `host`.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] where nobody listens by that name.
    pub fn connect(&self, host: &str) -> io::Result<DuplexStream> {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, format!("nobody listens as `{host}`"));
        let (near, far) = tokio::io::duplex(PIPE);
        let hosts = self.lock();
        hosts.get(host).ok_or_else(refused)?.send(far).map_err(|_| refused())?;
        Ok(near)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, UnboundedSender<DuplexStream>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listening end of a host.
#[derive(Debug)]
pub struct DuplexListener {
    host: String,
    knocks: UnboundedReceiver<DuplexStream>,
}

impl axum::serve::Listener for DuplexListener {
    type Io = DuplexStream;
    type Addr = String;

    async fn accept(&mut self) -> (DuplexStream, String) {
        match self.knocks.recv().await {
            Some(stream) => (stream, self.host.clone()),
            None => future::pending().await, // The network is gone; nobody will ever knock again.
        }
    }

    fn local_addr(&self) -> io::Result<String> {
        Ok(self.host.clone())
    }
}
