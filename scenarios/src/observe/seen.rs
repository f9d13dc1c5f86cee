//! One exchange as a tap saw it, and the book of all of them.
//!
//! Time is the order of events at the taps, not a clock: whether two exchanges were in flight together
//! is all that anybody asks. What is kept is bounded; what was not kept is said, and never judged.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// Bytes of one body that are kept; the rest passes without being written down.
pub const LARGEST_KEPT: usize = 1 << 20;
/// Bytes of all bodies together that are kept.
const MOST_KEPT: usize = 256 << 20;
/// Exchanges that are kept.
const MOST_EXCHANGES: usize = 100_000;

/// One HTTP exchange at one tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// At which tap.
    pub side: Side,
    /// When its request's head came, counted in events at all taps.
    pub opened: u64,
    /// When its answer ended, however it ended.
    pub ended: Option<(u64, End)>,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Request headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: Body,
    /// HTTP status, where an answer began.
    pub status: Option<u16>,
    /// Headers of the answer, names in lower case.
    pub answer_headers: Vec<(String, String)>,
    /// The answer's body.
    pub answer: Body,
}

/// Where a tap stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// In front of the hub.
    Client,
    /// Between the hub and this upstream.
    Upstream(String),
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// With its last byte.
    Whole,
    /// Whoever asked went away first.
    Left,
    /// Whoever should answer could not be reached, or broke off.
    Broken,
}

/// A body as far as it was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Body {
    /// The bytes, in order.
    pub bytes: Vec<u8>,
    /// How many more passed and were not kept.
    pub lost: u64,
}

impl Body {
    /// The text, where all of it was kept and is UTF-8.
    pub fn text(&self) -> Option<&str> {
        if self.lost > 0 { None } else { std::str::from_utf8(&self.bytes).ok() }
    }
}

/// A body in a file: as text where it is some.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    lost: u64,
}

fn is_zero(lost: &u64) -> bool {
    *lost == 0
}

impl From<Body> for Stored {
    fn from(body: Body) -> Self {
        match String::from_utf8(body.bytes) {
            Ok(text) => Self { text: (!text.is_empty()).then_some(text), base64: None, lost: body.lost },
            Err(other) => Self { text: None, base64: Some(STANDARD.encode(other.as_bytes())), lost: body.lost },
        }
    }
}

impl TryFrom<Stored> for Body {
    type Error = base64::DecodeError;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let bytes = match stored.base64 {
            Some(encoded) => STANDARD.decode(encoded)?,
            None => stored.text.unwrap_or_default().into_bytes(),
        };
        Ok(Self { bytes, lost: stored.lost })
    }
}

/// Which body of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What was asked.
    Request,
    /// What came back.
    Answer,
}

/// The place of an exchange in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

impl Place {
    /// The number of the exchange, counted from 1 in the order in which they were opened.
    pub fn number(self) -> u64 {
        self.0 as u64 + 1
    }
}

/// Where all taps write; clones write into the same book.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pages: Arc<Mutex<Pages>>,
}

#[derive(Debug, Default)]
struct Pages {
    seen: Vec<Seen>,
    told: Option<mpsc::Sender<Place>>,
    tick: u64,
    kept: usize,
    unseen: u64,
}

impl Book {
    /// A book that tells of every exchange once it has ended.
    pub fn telling(told: mpsc::Sender<Place>) -> Self {
        Self { pages: Arc::new(Mutex::new(Pages { told: Some(told), ..Pages::default() })) }
    }

    /// Opens an exchange; `None` where the book is full and the exchange passes unrecorded.
    pub fn open(&self, mut seen: Seen) -> Option<Place> {
        self.with(|pages| {
            seen.opened = pages.next();
            if pages.seen.len() == MOST_EXCHANGES {
                pages.unseen += 1;
                return None;
            }
            pages.seen.push(seen);
            Some(Place(pages.seen.len() - 1))
        })
    }

    /// An answer begins.
    pub fn answered(&self, place: Place, status: u16, headers: Vec<(String, String)>) {
        self.with(|pages| {
            let seen = &mut pages.seen[place.0];
            (seen.status, seen.answer_headers) = (Some(status), headers);
        });
    }

    /// Bytes of a body passed.
    pub fn passed(&self, place: Place, part: Part, bytes: &[u8]) {
        self.with(|pages| {
            let seen = &mut pages.seen[place.0];
            let body = if part == Part::Request { &mut seen.body } else { &mut seen.answer };
            let room = (LARGEST_KEPT - body.bytes.len()).min(MOST_KEPT - pages.kept);
            // After a gap nothing more is kept: what stands there is a prefix.
            let kept = if body.lost > 0 { 0 } else { bytes.len().min(room) };
            body.bytes.extend_from_slice(&bytes[..kept]);
            body.lost += (bytes.len() - kept) as u64;
            pages.kept += kept;
        });
    }

    /// An exchange ended; only the first end counts.
    pub fn ended(&self, place: Place, end: End) {
        self.with(|pages| {
            let tick = pages.next();
            let seen = &mut pages.seen[place.0];
            if seen.ended.is_some() {
                return;
            }
            seen.ended = Some((tick, end));
            if let Some(told) = &pages.told {
                // Who no longer listens reads the whole book at its end.
                let _ = told.send(place);
            }
        });
    }

    /// Tells of no more ends, so that whoever listens comes to an end as well.
    pub fn hush(&self) {
        self.with(|pages| pages.told = None);
    }

    /// One exchange as far as it has come.
    pub fn one(&self, place: Place) -> Seen {
        self.with(|pages| pages.seen[place.0].clone())
    }

    /// The request headers of all exchanges after the first `known`.
    pub fn asked_since(&self, known: usize) -> Vec<Vec<(String, String)>> {
        self.with(|pages| pages.seen.iter().skip(known).map(|seen| seen.headers.clone()).collect())
    }

    /// What was seen so far, and how many exchanges passed unrecorded.
    pub fn read(&self) -> (Vec<Seen>, u64) {
        self.with(|pages| (pages.seen.clone(), pages.unseen))
    }

    fn with<R>(&self, act: impl FnOnce(&mut Pages) -> R) -> R {
        act(&mut self.pages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pages {
    fn next(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }
}

impl Seen {
    /// An exchange of which nothing but the first line is known yet.
    pub fn asked(side: Side, method: &str, path: &str) -> Self {
        Self {
            side,
            opened: 0,
            ended: None,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Body::default(),
            status: None,
            answer_headers: Vec::new(),
            answer: Body::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_stored_as_text_where_it_is_some() {
        let bodies = [("hi".as_bytes(), r#"{"text":"hi"}"#), (&[0xff, 0], r#"{"base64":"/wA="}"#), (b"", "{}")];
        for (bytes, stored) in bodies {
            let body = Body { bytes: bytes.to_vec(), lost: 0 };
            assert_eq!(serde_json::to_string(&body).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Body>(stored).unwrap(), body);
        }
    }

    #[test]
    fn the_end_of_an_exchange_is_told_once() {
        let (told, ends) = mpsc::channel();
        let book = Book::telling(told);
        let place = book.open(Seen::asked(Side::Client, "POST", "/mcp")).expect("the book is empty");
        book.ended(place, End::Whole);
        book.ended(place, End::Left);
        assert_eq!(ends.try_iter().collect::<Vec<_>>(), [place]);
        assert!(matches!(book.one(place).ended, Some((_, End::Whole))));
    }

    #[test]
    fn a_body_that_was_not_kept_whole_has_no_text() {
        let book = Book::default();
        let place = book.open(Seen::asked(Side::Client, "POST", "/mcp")).expect("the book is empty");
        book.passed(place, Part::Answer, &vec![b'a'; LARGEST_KEPT]);
        assert!(book.read().0[0].answer.text().is_some());
        book.passed(place, Part::Answer, b"bc");
        let answer = book.read().0.remove(0).answer;
        assert_eq!((answer.text(), answer.bytes.len(), answer.lost), (None, LARGEST_KEPT, 2));
    }
}
