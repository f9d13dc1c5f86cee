//! A proxy on loopback that brings a key: the official suite sends none, and the hub serves nobody without one.
//!
//! It reads one request's head, puts the key and `Connection: close` into it, and copies every other byte, so that one
//! connection carries one exchange and streams flow as they come.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::Context;

/// Largest head of a request, in bytes.
const LARGEST_HEAD: usize = 64 << 10;

/// A proxy that runs until this is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy to this address that shows this key.
    pub(crate) fn start(upstream: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port on loopback")?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let (key, ending) = (Arc::<str>::from(key), over.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                let key = key.clone();
                // A connection that breaks is the business of its two ends.
                thread::spawn(move || exchange(client, upstream, &key));
            }
        });
        Ok(Self { address, over })
    }

    /// Where it listens, by a name that the suite takes for local.
    pub(crate) fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for the next client; where nothing listens any more it is over already.
        let _ = TcpStream::connect(self.address);
    }
}

fn exchange(mut client: TcpStream, upstream: SocketAddr, key: &str) -> io::Result<()> {
    let (head, rest) = head(&mut client)?;
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(with_key(&head, key).as_bytes())?;
    server.write_all(&rest)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        // When the client goes, the server must see it: closing is how a request is canceled.
        let copied = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        copied
    });
    let copied = io::copy(&mut server, &mut client);
    client.shutdown(Shutdown::Both)?;
    copied.map(drop)
}

/// Everything up to the empty line, and what was read behind it.
fn head(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            let head = String::from_utf8(read).map_err(|_| io::Error::other("a head that is no text"))?;
            return Ok((head, rest));
        }
        let count = client.read(&mut piece)?;
        if count == 0 || read.len() > LARGEST_HEAD {
            return Err(io::Error::other("no whole head"));
        }
        read.extend_from_slice(&piece[..count]);
    }
}

/// The head with the key in it, and without what it said of its connection.
fn with_key(head: &str, key: &str) -> String {
    let mut out = String::new();
    for (number, line) in head.trim_end().split("\r\n").enumerate() {
        let name = line.split(':').next().unwrap_or_default();
        let own = name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("connection");
        if number == 0 || !own {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out.push_str(&format!("authorization: Bearer {key}\r\nconnection: close\r\n\r\n"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gets_the_key_and_nothing_else() {
        let head =
            "POST /mcp HTTP/1.1\r\nHost: evil.example\r\nConnection: keep-alive\r\nauthorization: Bearer x\r\n\r\n";
        let with = "POST /mcp HTTP/1.1\r\nHost: evil.example\r\nauthorization: Bearer k\r\nconnection: close\r\n\r\n";
        assert_eq!(with_key(head, "k"), with);
    }

    #[test]
    fn bytes_flow_both_ways_until_an_end_goes() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start(server.local_addr().unwrap(), "k").unwrap();
        let mut client = TcpStream::connect(proxy.address).unwrap();
        client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbo").unwrap();
        let (mut upstream, _) = server.accept().unwrap();
        client.write_all(b"dy").unwrap();
        let wanted =
            b"POST / HTTP/1.1\r\nContent-Length: 4\r\nauthorization: Bearer k\r\nconnection: close\r\n\r\nbody";
        let mut got = vec![0; wanted.len()];
        upstream.read_exact(&mut got).unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), String::from_utf8(wanted.to_vec()).unwrap());
        upstream.write_all(b"answer").unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
        drop(client);
        assert_eq!(upstream.read(&mut [0; 1]).unwrap(), 0, "the server sees that the client has gone");
    }
}
