//! Threads, each of which serves the connections that it is given from their first byte to their last.
//!
//! A call makes many small pieces of memory. Where any thread may go on with it, half of them are made on one processor
//! and thrown away on another, and that costs more than a third of all that a hub does for a call: measured in
//! `docs/decisions/0019-lanes.md`. Which connection is served where means nothing: tables and sessions are the whole hub's.

use std::{io, num::NonZero, thread, time::Duration};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Threads that serve connections. Dropped, they end, and whatever is served there ends with them.
#[derive(Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Lanes {
    /// Starts so many.
    ///
    /// # Errors
    /// Where the operating system gives no thread, or none that can wait for the network.
    pub fn start(number: NonZero<usize>) -> io::Result<Self> {
        let mut lanes = Self { lanes: Vec::with_capacity(number.get()), stop: CancellationToken::new() };
        for number in 0..number.get() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (handle, stop) = (runtime.handle().clone(), lanes.stop.clone());
            let serve = move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = beat() => {}
                        () = stop.cancelled() => {}
                    }
                });
            };
            let thread = thread::Builder::new().name(format!("lane-{number}")).spawn(serve)?;
            lanes.lanes.push(Lane { runtime: handle, thread: Some(thread) });
        }
        Ok(lanes)
    }

    /// Where to serve what, in turns.
    pub(super) fn runtimes(&self) -> Vec<Handle> {
        self.lanes.iter().map(|lane| lane.runtime.clone()).collect()
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.lanes.iter_mut().filter_map(|lane| lane.thread.take()) {
            let _ = thread.join(); // One that has died has said why.
        }
    }
}

/// A timer that is sooner than those which every request sets. Setting one that is sooner than all others wakes whoever
/// waits for the network, which costs a request more than the timer itself.
async fn beat() {
    let mut beat = tokio::time::interval(Duration::from_millis(500));
    loop {
        beat.tick().await;
    }
}
