//! Words that are never printed.

use std::{fmt, sync::Arc};

use http::HeaderValue;

/// A credential. Its `Debug` form says that there is one, and no more. A copy costs no more than to be counted.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a word.
    pub fn new(word: impl Into<Arc<str>>) -> Self {
        Self(word.into())
    }

    /// The word itself, for the one header or variable that it belongs into.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The word as a bearer token in `Authorization`; `None` where no header can hold it.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
