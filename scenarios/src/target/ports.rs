//! Free ports for processes that cannot tell which one they were given.
//!
//! They are taken from below the range that the kernel hands out by itself, so that no fake and no client of this run
//! can sit on one between the moment it is found and the moment the process binds it.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
};

/// First port that is tried, and how many there are.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

static TAKEN: AtomicU32 = AtomicU32::new(0);

/// A port on 127.0.0.1 that nobody listens on, and that this process gives to nobody else.
///
/// # Errors
/// Where every port of the range is in use.
pub fn free() -> io::Result<u16> {
    // Two runs on one machine begin at different places.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let next = TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + start.wrapping_add(next) % COUNT;
        let Ok(port) = u16::try_from(port) else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no free port from {FIRST} to {}", FIRST + COUNT - 1)))
}
