//! Event streams: read as the bytes come, in whatever pieces, and written.

use std::time::Duration;

/// Reads events out of pieces of a stream. Only `data`, the id of the last event and the last `retry` matter to a hub.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    data: Option<String>,
    last_id: Option<String>,
    retry: Option<Duration>,
    after_cr: bool,
    held: usize,
}

/// An event is longer than the limit for answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Reader {
    /// Takes a piece in and gives back the data of every event that it completed.
    pub(crate) fn take(&mut self, piece: &[u8], limit: usize) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for byte in piece {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(*byte);
                    self.held += 1;
                    if self.held > limit {
                        return Err(TooLong);
                    }
                }
            }
        }
        Ok(events)
    }

    /// The id of the last event that gave one.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The pause that was last asked for before the stream is asked for again.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn end_line(&mut self) -> Option<String> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        if line.is_empty() {
            self.held = 0;
            // An event with empty data primes a stream for resumption; it carries no message.
            return self.data.take().filter(|data| !data.is_empty());
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        if field == "id" {
            self.last_id = Some(value.to_owned());
        }
        if field == "retry" && value.bytes().all(|byte| byte.is_ascii_digit()) {
            self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry);
        }
        if field == "data" {
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        None
    }
}

/// One message as an event with an id.
pub(crate) fn event_with_id(id: &str, message: &str) -> String {
    format!("id: {id}\n{}", event(message))
}

/// The end of a stream that goes on elsewhere: after what pause to ask for the rest, and, where no event has had an id yet,
/// the id to ask with.
pub(crate) fn farewell(id: Option<&str>, retry: Duration) -> String {
    let retry = retry.as_millis();
    match id {
        Some(id) => format!("id: {id}\nretry: {retry}\ndata: \n\n"),
        None => format!("retry: {retry}\n\n"),
    }
}

/// One message as an event. A message with line breaks becomes several `data` lines, as it must.
pub(crate) fn event(message: &str) -> String {
    let mut event = String::with_capacity(message.len() + 24);
    event.push_str("event: message\n");
    for line in message.lines() {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_endless_event_is_refused() {
        assert_eq!(Reader::default().take(&[b'x'; 100], 64), Err(TooLong));
    }

    #[test]
    fn a_pause_is_a_number_of_milliseconds() {
        let mut reader = Reader::default();
        for (said, pause) in [("retry: 1500\n", 1500), ("retry: soon\n", 1500), ("retry:\n", 1500), ("retry:0\n\n", 0)]
        {
            assert_eq!(reader.take(said.as_bytes(), 100), Ok(vec![]));
            assert_eq!(reader.retry(), Some(Duration::from_millis(pause)), "{said}");
        }
        reader.take(farewell(Some("3-0"), Duration::from_millis(7)).as_bytes(), 100).unwrap();
        reader.take(farewell(None, Duration::from_millis(8)).as_bytes(), 100).unwrap();
        assert_eq!((reader.last_id(), reader.retry()), (Some("3-0"), Some(Duration::from_millis(8))));
    }

    proptest! {
        #[test]
        fn chunk_borders_change_nothing(
            messages in proptest::collection::vec("[ -~]{1,30}", 0..5),
            cuts in proptest::collection::vec(0_usize..200, 0..6),
            ends in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        ) {
            let stream: String = messages.iter().map(|m| event(m)).collect::<String>().replace('\n', ends);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.push(stream.len());
            cuts.sort_unstable();
            let mut reader = Reader::default();
            let (mut read, mut start) = (Vec::new(), 0);
            for cut in cuts {
                read.extend(reader.take(&stream.as_bytes()[start..cut], 1000).unwrap());
                start = cut;
            }
            prop_assert_eq!(read, messages);
        }
    }
}
