//! Writes down what taps see: a line for each exchange once it has ended, secrets hidden.
//!
//! A secret that first comes up in the middle of some text, and only later where secrets stand, is not known
//! when that text is written. At the end, when all are known, the whole file is written anew in its place; a
//! recording that was killed before that may show such a one.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::mpsc::Receiver,
};

use super::{
    person::People,
    plan::Plan,
    recording::{self, End, Head, Line, Recording},
    redact::Redactor,
    seen::{Book, Place, Seen, Side},
};

/// A recording being written.
#[derive(Debug)]
pub struct Journal {
    book: Book,
    head: Head,
    people: People,
    redactor: Redactor,
    /// Exchanges whose request headers were searched for secrets.
    known: usize,
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Begins a recording in a file that must not be there yet, readable for its owner alone.
    ///
    /// # Errors
    /// What the file system or the system's source of randomness says.
    pub fn begin(path: &Path, plan: &Plan, book: Book) -> io::Result<Self> {
        let redactor = plan.redactor().map_err(io::Error::other)?;
        let head = plan.head(&redactor);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        recording::begin(&mut file, &head)?;
        Ok(Self { book, head, people: plan.people.clone(), redactor, known: 0, path: path.to_owned(), file })
    }

    /// Writes every exchange whose end is told, until no more are; then the whole recording in order.
    ///
    /// # Errors
    /// What writing says.
    pub fn follow(mut self, ends: &Receiver<Place>) -> io::Result<()> {
        for place in ends {
            for headers in self.book.asked_since(self.known) {
                self.redactor.know_headers(&headers);
                self.known += 1;
            }
            let seen = self.book.one(place);
            self.redactor.know_all(&seen);
            let line = self.line(place.number(), seen);
            recording::write(&mut self.file, &line)?;
        }
        self.finish()
    }

    /// With every secret that came up anywhere.
    fn finish(mut self) -> io::Result<()> {
        let (seen, unrecorded) = self.book.read();
        seen.iter().for_each(|seen| self.redactor.know_all(seen));
        self.redactor.begin_again();
        let numbered = (1..).zip(seen);
        let lines: Vec<Line> = numbered.map(|(number, seen)| self.line(number, seen)).collect();
        let end = Some(End { exchanges: lines.len() as u64, unrecorded });
        recording::replace(&self.path, &Recording { head: self.head, lines, end })
    }

    fn line(&mut self, exchange: u64, seen: Seen) -> Line {
        let who = if seen.side == Side::Client { self.people.who(&seen, &self.redactor) } else { None };
        let shape = self.redactor.shape(&seen);
        Line { exchange, who, shape, seen: self.redactor.redacted(seen) }
    }
}
