//! The messages of an answer, one by one, whether it is one JSON body or an event stream.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Response, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{Fault, client::chain};
use crate::envelope::sse;

/// An answer that is being read.
#[derive(Debug)]
pub(crate) struct Frames {
    body: Incoming,
    form: Form,
    limit: usize,
    ready: VecDeque<String>,
    ended: bool,
    /// What went wrong while looking ahead.
    broken: Option<Fault>,
}

#[derive(Debug)]
enum Form {
    Json(Vec<u8>),
    Stream(sse::Reader),
}

impl Frames {
    /// Begins to read. `limit` is the largest message, in bytes.
    pub(crate) fn of(response: Response<Incoming>, limit: usize) -> Self {
        let media = response.headers().get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
        let streams = media.is_some_and(|media| media.starts_with(b"text/event-stream"));
        let form = if streams { Form::Stream(sse::Reader::default()) } else { Form::Json(Vec::new()) };
        Self { body: response.into_body(), form, limit, ready: VecDeque::new(), ended: false, broken: None }
    }

    /// Whether it is an event stream.
    pub(crate) fn streams(&self) -> bool {
        matches!(self.form, Form::Stream(_))
    }

    /// The id of the last event that gave one.
    pub(crate) fn last_id(&self) -> Option<String> {
        match &self.form {
            Form::Json(_) => None,
            Form::Stream(reader) => reader.last_id().map(str::to_owned),
        }
    }

    /// The pause that its sender asks for before it is asked to go on.
    pub(crate) fn retry(&self) -> Option<Duration> {
        match &self.form {
            Form::Json(_) => None,
            Form::Stream(reader) => reader.retry(),
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
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        self.take(&piece)?;
                    }
                }
                Some(Err(error)) => return Err(Fault::Cut { detail: chain(&error) }),
                None => {
                    self.ended = true;
                    if let Form::Json(whole) = &mut self.form
                        && !whole.is_empty()
                    {
                        self.ready.push_back(String::from_utf8_lossy(whole).into_owned());
                    }
                }
            }
        }
    }

    fn take(&mut self, piece: &Bytes) -> Result<(), Fault> {
        let too_long = || Fault::Garbage { detail: "a message longer than the limit".into() };
        match &mut self.form {
            Form::Json(whole) => {
                whole.extend_from_slice(piece);
                if whole.len() > self.limit {
                    return Err(too_long());
                }
            }
            Form::Stream(reader) => {
                let events = reader.take(piece, self.limit).map_err(|sse::TooLong| too_long())?;
                self.ready.extend(events);
            }
        }
        Ok(())
    }
}
