//! Where a thing stands in a scenario file: the text, and byte spans into it.
//!
//! Every part of the model that can fail at run time carries a [`Span`], so that a report points at
//! the line that made the promise. Rendering is not done here; see `diagnostics`.

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

/// The text of one file, shared by everything that points into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The name to print: a path for files read from disk, `cases/<group>/<name>.yaml` for embedded ones.
    pub path: Arc<str>,
    /// The whole text, UTF-8.
    pub text: Arc<str>,
}

/// A half-open range of byte offsets into a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The span as a range, for slicing and for the renderer.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A value and the place where the author wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value and its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}
