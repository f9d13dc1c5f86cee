//! Free ports for processes that cannot tell which one they were given.
//!
//! They are taken from below the range that the kernel hands out by itself, so that no fake and no client of this run
//! can sit on one between the moment it is found and the moment the process binds it. Nor can another run beside this one
//! be given it: whoever has a port holds the UDP socket of its number, which does not hinder those who listen on TCP.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
};

/// First port that is tried, and how many there are.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

static TRIED: AtomicU32 = AtomicU32::new(0);

/// A port on 127.0.0.1 that was given to nobody else, in this run or another beside it, for as long as this is held.
#[derive(Debug)]
pub struct Port {
    /// Its number.
    pub number: u16,
    _claim: UdpSocket,
}

/// A port that nobody listens on.
///
/// # Errors
/// Where every port of the range is in use.
pub fn free() -> io::Result<Port> {
    // Two runs on one machine begin at different places, so that they seldom meet.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let next = TRIED.fetch_add(1, Ordering::Relaxed);
        let number = FIRST + start.wrapping_add(next) % COUNT;
        if let Some(port) = u16::try_from(number).ok().and_then(claim) {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no free port from {FIRST} to {}", FIRST + COUNT - 1)))
}

/// The port of this number, unless somebody claims it or listens there.
fn claim(number: u16) -> Option<Port> {
    let place = (Ipv4Addr::LOCALHOST, number);
    // First the claim: whoever looked first could find the port free that another has found and not bound yet.
    let claim = UdpSocket::bind(place).ok()?;
    TcpListener::bind(place).ok()?;
    Some(Port { number, _claim: claim })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_anothers_only_after_it_was_given_back() {
        let port = free().unwrap();
        let number = port.number;
        assert!(claim(number).is_none(), "claimed, although nobody listens yet");
        drop(port);
        let again = claim(number).unwrap();
        let _hub = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        drop(again);
        assert!(claim(number).is_none(), "somebody listens there, although nobody claims it");
    }
}
