//! The messages of an answer, one by one, whether it is one JSON body, an event stream, or lines of a child.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Response, header::CONTENT_TYPE};

use super::{
    Fault,
    client::{self, chain},
    stdio::Lines,
};
use crate::envelope::sse;

/// What the media type of a stream begins with.
const EVENT_STREAM: &[u8] = b"text/event-stream";

/// An answer that is being read.
#[derive(Debug)]
pub(crate) struct Frames {
    source: Source,
    ready: VecDeque<String>,
    ended: bool,
    /// What went wrong while looking ahead.
    broken: Option<Fault>,
}

/// Where they come from.
#[derive(Debug)]
enum Source {
    Body(Body),
    Lines(Lines),
    Nowhere,
}

/// The body of a response.
#[derive(Debug)]
struct Body {
    body: client::Body,
    form: Form,
    limit: usize,
}

#[derive(Debug)]
enum Form {
    Json(Vec<u8>),
    Stream(sse::Reader),
}

impl Frames {
    /// Begins to read. `limit` is the largest message, in bytes.
    pub(crate) fn of(response: Response<client::Body>, limit: usize) -> Self {
        let media = response.headers().get(CONTENT_TYPE).and_then(|value| value.as_bytes().get(..EVENT_STREAM.len()));
        let streams = media.is_some_and(|media| media.eq_ignore_ascii_case(EVENT_STREAM));
        let form = if streams { Form::Stream(sse::Reader::default()) } else { Form::Json(Vec::new()) };
        Self::from(Source::Body(Body { body: response.into_body(), form, limit }))
    }

    /// Begins to read what a child says.
    pub(crate) fn spoken(lines: Lines) -> Self {
        Self::from(Source::Lines(lines))
    }

    /// There are none.
    pub(crate) fn nothing() -> Self {
        Self::from(Source::Nowhere)
    }

    fn from(source: Source) -> Self {
        Self { source, ready: VecDeque::new(), ended: false, broken: None }
    }

    /// Whether it is an event stream.
    pub(crate) fn streams(&self) -> bool {
        self.events().is_some()
    }

    /// The id of the last event that gave one.
    pub(crate) fn last_id(&self) -> Option<String> {
        self.events()?.last_id().map(str::to_owned)
    }

    /// The pause that its sender asks for before it is asked to go on.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.events()?.retry()
    }

    /// The event stream that is being read, where it is one.
    fn events(&self) -> Option<&sse::Reader> {
        match &self.source {
            Source::Body(Body { form: Form::Stream(reader), .. }) => Some(reader),
            Source::Body(_) | Source::Lines(_) | Source::Nowhere => None,
        }
    }

    /// Whether nothing more comes, as far as that is known without waiting.
    pub(crate) fn are_over(&mut self) -> bool {
        match self.next().now_or_never() {
            None => false,
            Some(Ok(None)) => true,
            Some(Ok(Some(ready))) => {
                self.ready.push_front(ready);
                false
            }
            Some(Err(fault)) => {
                self.broken = Some(fault);
                false
            }
        }
    }

    /// The next message; `None` at the end. Whoever stops waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Fault> {
        if let Some(fault) = self.broken.take() {
            return Err(fault);
        }
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Ok(Some(ready));
            }
            if self.ended {
                return Ok(None);
            }
            match &mut self.source {
                Source::Body(body) => match body.read().await? {
                    Read::More(messages) => self.ready.extend(messages),
                    Read::Last(message) => {
                        self.ended = true;
                        self.ready.extend(message);
                    }
                },
                Source::Lines(lines) => return lines.next().await,
                Source::Nowhere => return Ok(None),
            }
        }
    }
}

/// Bytes as a text; what is no UTF-8 is replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// What was read of a body.
enum Read {
    More(Vec<String>),
    /// The end, with a last message perhaps.
    Last(Option<String>),
}

impl Body {
    async fn read(&mut self) -> Result<Read, Fault> {
        match self.body.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => Ok(Read::More(self.take(&piece)?)),
                Err(_) => Ok(Read::More(Vec::new())),
            },
            Some(Err(error)) => Err(Fault::Cut { detail: chain(&error) }),
            None => Ok(Read::Last(match &mut self.form {
                Form::Json(whole) if !whole.is_empty() => Some(text(std::mem::take(whole))),
                Form::Json(_) | Form::Stream(_) => None,
            })),
        }
    }

    fn take(&mut self, piece: &Bytes) -> Result<Vec<String>, Fault> {
        let too_long = || Fault::Garbage { detail: "a message longer than the limit".into() };
        match &mut self.form {
            Form::Json(whole) => {
                whole.extend_from_slice(piece);
                if whole.len() > self.limit { Err(too_long()) } else { Ok(Vec::new()) }
            }
            Form::Stream(reader) => reader.take(piece, self.limit).map_err(|sse::TooLong| too_long()),
        }
    }
}
