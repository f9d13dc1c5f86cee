//! What a server says to one message, whatever the way to it is.

use http::{HeaderValue, Response};

use super::{Fault, client::Body, frames::Frames, headers, stdio::Lines};

/// An answer, as far as it has come.
#[derive(Debug)]
pub(crate) struct Answer {
    session: Option<HeaderValue>,
    /// Its messages.
    pub(crate) frames: Frames,
}

impl Answer {
    /// Begins to read. `limit` is the largest message, in bytes.
    pub(crate) fn of(response: Response<Body>, limit: usize) -> Self {
        Self { session: response.headers().get(headers::SESSION).cloned(), frames: Frames::of(response, limit) }
    }

    /// What a child says to it.
    pub(crate) fn spoken(lines: Lines) -> Self {
        Self { session: None, frames: Frames::spoken(lines) }
    }

    /// Of what is only accepted.
    pub(crate) fn nothing() -> Self {
        Self { session: None, frames: Frames::nothing() }
    }

    /// The id of the session that was opened with it; empty where none was, or none that has a name.
    pub(crate) fn session(&self) -> Result<String, Fault> {
        let id = self.session.as_ref().map(HeaderValue::to_str).transpose();
        let id = id.map_err(|_| Fault::Garbage { detail: "a session id that is not ASCII".into() })?;
        Ok(id.unwrap_or_default().to_owned())
    }
}
