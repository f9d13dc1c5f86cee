//! The bytes that leave a fake.

use rand::RngExt;
use serde_json::Value;

use crate::{Answers, mark::seeded, wire::sse};

/// An answer, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The body in the pieces in which it is written.
    pub(crate) chunks: Vec<String>,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), chunks: Vec::new() }
    }

    /// A plain JSON body.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self { status, headers, chunks: vec![body.to_string()] }
    }

    /// A JSON-RPC response in the form that the settings, or the seed, decide.
    pub(crate) fn response(body: String, answers: Answers, seed: u64, name: &str) -> Self {
        let mut rng = seeded(seed, &format!("form {name}"));
        let streams = match answers {
            Answers::Json => false,
            Answers::Sse => true,
            Answers::Seeded => rng.random_range(0..2) == 1,
        };
        let (media, text) =
            if streams { ("text/event-stream", sse::message(&body)) } else { ("application/json", body) };
        let chunks = match answers {
            Answers::Seeded => pieces(&text, rng.random_range(1..4), &mut rng),
            Answers::Json | Answers::Sse => vec![text],
        };
        Self { status: 200, headers: vec![("content-type".into(), media.into())], chunks }
    }

    /// An event stream of notifications that ends with the response, whatever form was asked for.
    pub(crate) fn with_progress(notifications: &[String], response: &str) -> Self {
        let chunks = notifications.iter().map(String::as_str).chain([response]).map(sse::message).collect();
        Self { status: 200, headers: vec![("content-type".into(), "text/event-stream".into())], chunks }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(&self) -> String {
        self.chunks.concat()
    }
}

/// `text` cut at random character borders into at most `count` pieces.
fn pieces(text: &str, count: usize, rng: &mut impl rand::Rng) -> Vec<String> {
    let mut rest = text;
    let mut pieces = Vec::new();
    for _ in 1..count {
        let cut =
            rest.char_indices().map(|(at, _)| at).nth(rng.random_range(0..rest.chars().count().max(1))).unwrap_or(0);
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces.push(rest.to_owned());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
