//! A writer for a reader who may leave: `crosstalk | head` still ends with the verdict of the whole run.

use std::io::{self, ErrorKind, Write};

/// Passes everything on until nobody reads any more, then swallows it.
pub(super) struct Patient<W> {
    to: W,
    left: bool,
}

impl<W: Write> Patient<W> {
    /// Writes to `to` for as long as somebody reads there.
    pub(super) fn new(to: W) -> Self {
        Self { to, left: false }
    }

    fn forgive<T>(&mut self, done: io::Result<T>, otherwise: T) -> io::Result<T> {
        match done {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.left = true;
                Ok(otherwise)
            }
            done => done,
        }
    }
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left {
            return Ok(bytes.len());
        }
        let done = self.to.write(bytes);
        self.forgive(done, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.left {
            return Ok(());
        }
        let done = self.to.flush();
        self.forgive(done, ())
    }
}
