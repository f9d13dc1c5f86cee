//! Event streams, read whole and written whole.

/// One event. Lines of `data` are joined by a newline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `id:`, where there is one.
    pub id: Option<String>,
    /// `event:`, where there is one.
    pub event: Option<String>,
    /// `data:`.
    pub data: String,
}

/// All complete events of a body. Line ends may be LF, CRLF or CR; comments are left out, and so is
/// what stands after the last empty line.
pub fn events(body: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut current: Option<Event> = None;
    let body = body.strip_prefix('\u{feff}').unwrap_or(body).replace("\r\n", "\n").replace('\r', "\n");
    let complete = body.rfind("\n\n").map_or("", |end| &body[..end + 2]);
    for line in complete.split('\n') {
        if line.is_empty() {
            events.extend(current.take());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                let event = current.get_or_insert_default();
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(value);
            }
            "id" => current.get_or_insert_default().id = Some(value.to_owned()),
            "event" => current.get_or_insert_default().event = Some(value.to_owned()),
            _ => {}
        }
    }
    events
}

/// One event that carries a JSON-RPC message.
pub fn message(data: &str) -> String {
    format!("event: message\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_and_unfinished_events_are_left_out() {
        let body = ": hello\r\n\r\nid: 7\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata: cut";
        let read = events(body);
        assert_eq!(read, [Event { id: Some("7".into()), event: None, data: "{\"a\":\n1}".into() }]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(messages in proptest::collection::vec("[ -~]{1,40}", 0..5)) {
            let body: String = messages.iter().map(|m| message(m)).collect();
            let read: Vec<String> = events(&body).into_iter().map(|event| event.data).collect();
            prop_assert_eq!(read, messages);
        }
    }
}
