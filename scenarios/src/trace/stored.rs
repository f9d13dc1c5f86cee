//! A trace in a file: NDJSON, the declared facts on the first line, then one event a line.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Event, Facts, Trace};

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head<F> {
    facts: F,
}

/// A stored trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The file system says so.
    #[error("line {line}: {error}")]
    Io {
        /// Which line was to be read, from 1.
        line: usize,
        /// What it says.
        error: io::Error,
    },
    /// A line is not what stands at its place.
    #[error("line {line} is not {what}: {error}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// There is nothing.
    #[error("the file is empty; a trace begins with its facts")]
    Empty,
}

/// Writes a trace.
///
/// # Errors
/// What `out` says.
pub fn write(trace: &Trace, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(&Head { facts: &trace.facts })?)?;
    for event in &trace.events {
        writeln!(out, "{}", serde_json::to_string(event)?)?;
    }
    out.flush()
}

/// Reads a trace back, to be judged again.
///
/// # Errors
/// [`Unreadable`] with the line.
pub fn read(text: impl BufRead) -> Result<Trace, Unreadable> {
    let mut lines = text.lines().zip(1..).map(|(text, line)| match text {
        Ok(text) => Ok((line, text)),
        Err(error) => Err(Unreadable::Io { line, error }),
    });
    let (line, head) = lines.next().ok_or(Unreadable::Empty)??;
    let Head { facts } = parsed::<Head<Facts>>(line, &head, "the declared facts")?;
    let events = lines.map(|numbered| {
        let (line, text) = numbered?;
        parsed::<Event>(line, &text, "an event")
    });
    Ok(Trace { facts, events: events.collect::<Result<_, _>>()? })
}

fn parsed<T: DeserializeOwned>(line: usize, text: &str, what: &'static str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| Unreadable::Line { line, what, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_trace_is_told_with_its_line() {
        let told = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(told(""), "the file is empty; a trace begins with its facts");
        assert!(told("{\"facts\": 1}\n").starts_with("line 1 is not the declared facts: "));
        assert!(told("{\"event\": \"step\"}\n").starts_with("line 1 is not the declared facts: missing field `facts`"));
    }
}
