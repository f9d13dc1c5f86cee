//! One JSON-RPC message: what it is, and its bytes with another id in place.

use std::ops::Range;

use serde_json::value::RawValue;

use super::{Id, object::Object};

/// Arrays and objects inside each other: more than any tool schema has, less than any stack.
const DEEPEST: usize = 96;

/// A message, by reference into its text.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// `params`, as written.
    pub(crate) params: Option<&'a str>,
    /// The members of `params`; `None` where it is no object.
    members: Option<Object<'a>>,
    /// The members of `params._meta`, likewise.
    meta: Option<Object<'a>>,
    text: &'a str,
    id: Option<Range<usize>>,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It wants an answer.
    Request {
        /// By this id.
        id: Id,
        /// The method.
        method: String,
    },
    /// It wants none.
    Notification {
        /// The method.
        method: String,
    },
    /// It is an answer.
    Response {
        /// To this request; `None` for an error about a request whose id could not be read.
        id: Option<Id>,
    },
}

/// Not a JSON-RPC message, or one that two readers could read in two ways.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// Not JSON, or an object key stands twice.
    #[error("not a JSON object: {0}")]
    Json(String),
    /// JSON, but no JSON-RPC 2.0 message.
    #[error("no JSON-RPC 2.0 message: {0}")]
    Envelope(&'static str),
    /// Deeper than anything real.
    #[error("nested deeper than {DEEPEST} levels")]
    Depth,
}

impl<'a> Message<'a> {
    /// Reads a message.
    pub(crate) fn read(text: &'a str) -> Result<Self, Malformed> {
        if is_too_deep(text) {
            return Err(Malformed::Depth);
        }
        let object = Object::read(text).map_err(|error| Malformed::Json(error.to_string()))?;
        if object.get("jsonrpc") != Some("\"2.0\"") && object.string("jsonrpc").as_deref() != Some("2.0") {
            return Err(Malformed::Envelope("`jsonrpc` must be \"2.0\""));
        }
        // Present with the value null is not the same as absent: a request with a null id is none.
        let raw_id = object.get("id");
        let id = raw_id.and_then(Id::read);
        let answers = [object.get("result"), object.get("error")].into_iter().flatten().count();
        let kind = match (object.get("method"), answers) {
            (Some(_), 0) => {
                let method = object.string("method").ok_or(Malformed::Envelope("`method` must be a string"))?;
                match (raw_id, id) {
                    (None, _) => Kind::Notification { method },
                    (Some(_), Some(id)) => Kind::Request { id, method },
                    (Some(_), None) => return Err(Malformed::Envelope("`id` must be a string or a number")),
                }
            }
            (None, 1) => Kind::Response { id },
            (None, 0) => return Err(Malformed::Envelope("neither `method` nor `result` nor `error`")),
            _ => return Err(Malformed::Envelope("only one of `method`, `result` and `error`")),
        };
        let id = raw_id.map(|raw| place_of(text, raw));
        let params = object.get("params");
        let members = params.and_then(|params| Object::read(params).ok());
        let meta = members.as_ref().and_then(|members| Object::read(members.get("_meta")?).ok());
        Ok(Self { kind, params, members, meta, text, id })
    }

    /// The message with this in the place of its id, every other byte as it was.
    pub(crate) fn with_id(&self, id: &str) -> String {
        match &self.id {
            Some(place) => splice(self.text, place.clone(), id),
            None => self.text.to_owned(),
        }
    }

    /// The message with this in the place of its id, and where a progress token of it is given, in the place of that too.
    pub(crate) fn readdressed(&self, id: &str, token: Option<&str>) -> String {
        let mut places: Vec<Range<usize>> = self.id.iter().cloned().collect();
        places.extend(token.map(|token| place_of(self.text, token)));
        places.sort_by_key(|place| place.start);
        let mut text = String::with_capacity(self.text.len() + 2 * id.len());
        let mut done = 0;
        for place in places {
            text.push_str(&self.text[done..place.start]);
            text.push_str(id);
            done = place.end;
        }
        text.push_str(&self.text[done..]);
        text
    }

    /// The message as it came.
    pub(crate) fn whole(&self) -> String {
        self.text.to_owned()
    }

    /// Where its id stands in it, in bytes.
    pub(crate) fn id_place(&self) -> Option<Range<usize>> {
        self.id.clone()
    }

    /// The id as it was written.
    pub(crate) fn raw_id(&self) -> Option<&'a str> {
        self.id.clone().map(|place| &self.text[place])
    }

    /// Whether it answers the request that has this number of the hub's own.
    pub(crate) fn answers(&self, wire: u64) -> bool {
        matches!(&self.kind, Kind::Response { id: Some(id) } if id.wire() == Some(wire))
    }

    /// Whether it is a call of a tool.
    pub(crate) fn is_call(&self) -> bool {
        matches!(&self.kind, Kind::Request { method, .. } if method == "tools/call")
    }

    /// The result of an answer, as it was written.
    pub(crate) fn result(&self) -> Option<&'a str> {
        Object::read(self.text).ok()?.get("result")
    }

    /// A member of `params`, as it was written.
    pub(crate) fn param(&self, name: &str) -> Option<&'a str> {
        self.members.as_ref()?.get(name)
    }

    /// `params` without these members; `None` where they are no object.
    pub(crate) fn params_without(&self, names: &[&str]) -> Option<String> {
        match (&self.members, self.params) {
            (Some(members), _) => Some(members.without(names)),
            (None, None) => Some("{}".to_owned()),
            (None, Some(_)) => None,
        }
    }

    /// A member of `params` that is a string, as it was written and read.
    pub(crate) fn string_param(&self, name: &str) -> Option<(&'a str, String)> {
        let raw = self.param(name)?;
        Some((raw, serde_json::from_str(raw).ok()?))
    }

    /// A member of `params` that is a request id, as it was written and read.
    pub(crate) fn id_param(&self, name: &str) -> Option<(&'a str, Id)> {
        let raw = self.param(name)?;
        Some((raw, Id::read(raw)?))
    }

    /// A member of `params` that is a number of this hub's own, as it was written and read.
    pub(crate) fn wire_param(&self, name: &str) -> Option<(&'a str, u64)> {
        let (raw, id) = self.id_param(name)?;
        Some((raw, id.wire()?))
    }

    /// `params._meta.progressToken`, as it was written.
    pub(crate) fn progress_token(&self) -> Option<&'a str> {
        self.meta("progressToken")
    }

    /// A member of `params._meta`, as it was written.
    pub(crate) fn meta(&self, name: &str) -> Option<&'a str> {
        self.meta.as_ref()?.get(name)
    }

    /// A member of `params._meta` that is a string.
    pub(crate) fn string_meta(&self, name: &str) -> Option<String> {
        self.meta.as_ref()?.string(name)
    }

    /// The message with one more member of `params`, before all others; it must not be there already.
    pub(crate) fn with_param(&self, name: &str, value: &str) -> String {
        match self.params {
            Some(params) if params.starts_with('{') => {
                self.with_part(params, &with_members(params, &format!(r#""{name}":{value}"#)))
            }
            Some(_) => self.whole(),
            None => {
                let end = self.text.rfind('}').unwrap_or(self.text.len());
                splice(self.text, end..end, &format!(r#","params":{{"{name}":{value}}}"#))
            }
        }
    }

    /// The message without these members of `params`; `None` where it has none of them.
    pub(crate) fn without_params(&self, names: &[&str]) -> Option<String> {
        let (raw, members) = self.params.zip(self.members.as_ref())?;
        members.keys().any(|key| names.contains(&key)).then(|| self.with_part(raw, &members.without(names)))
    }

    /// The message with another value in the place of `part`, which was read out of it.
    pub(crate) fn with_part(&self, part: &str, value: &str) -> String {
        with_part(self.text, part, value)
    }
}

/// The messages of a body: one, or in revision 2025-03-26 a batch of them.
pub(crate) fn messages(text: String) -> Vec<String> {
    let batch = text.trim_start().starts_with('[').then(|| serde_json::from_str::<Vec<&RawValue>>(&text).ok());
    match batch.flatten() {
        Some(batch) => batch.into_iter().map(|message| message.get().to_owned()).collect(),
        None => vec![text],
    }
}

/// Whether a JSON text can have this word in one of its strings: it stands there, or something is escaped that could be
/// a letter. So what hardly ever occurs is looked for without reading the text.
pub(crate) fn may_say(text: &str, word: &str) -> bool {
    text.contains(word) || text.contains("\\u")
}

/// A JSON object with these members before its own.
pub(crate) fn with_members(object: &str, members: &str) -> String {
    let rest = object.trim_start().trim_start_matches('{');
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    format!("{{{members}{comma}{rest}")
}

/// `text` with this value in the place of `part`, which is a slice of it.
pub(crate) fn with_part(text: &str, part: &str, value: &str) -> String {
    splice(text, place_of(text, part), value)
}

/// Where a slice of `text` stands in it.
fn place_of(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// `text` with this value in this place.
pub(crate) fn splice(text: &str, place: Range<usize>, value: &str) -> String {
    [&text[..place.start], value, &text[place.end..]].concat()
}

/// Whether arrays and objects stand inside each other deeper than anything real. Linear, and no recursion: it runs before
/// any parser that recurses. What has few of them at all, which is nearly everything, is only counted.
fn is_too_deep(text: &str) -> bool {
    let opened = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    opened > DEEPEST && depth(text) > DEEPEST
}

/// How deep arrays and objects stand inside each other, strings left out.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_the_bytes_of_the_id_change() {
        let text = r#"{ "id" : "a\u0062" ,"x":1.50e3, "jsonrpc":"2.0","method":"tools/call","params":{"id":7}}"#;
        let message = Message::read(text).unwrap();
        assert_eq!(message.with_id("42"), text.replace(r#""a\u0062""#, "42"));
        assert_eq!(message.kind, Kind::Request { id: Id::Text("ab".into()), method: "tools/call".into() });
    }

    #[test]
    fn id_and_progress_token_are_given_another_number_wherever_they_stand() {
        for text in [
            r#"{"jsonrpc":"2.0","id":"a","method":"m","params":{"_meta":{"progressToken":"a"},"x":"a"}}"#,
            r#"{"params":{"_meta":{"progressToken":"a"},"x":"a"},"jsonrpc":"2.0","method":"m","id":"a"}"#,
        ] {
            let message = Message::read(text).unwrap();
            let (id, token) = (r#""id":"a""#, r#""progressToken":"a""#);
            let with_id = text.replace(id, r#""id":42"#);
            assert_eq!(message.readdressed("42", None), with_id);
            let with_both = with_id.replace(token, r#""progressToken":42"#);
            assert_eq!(message.readdressed("42", message.progress_token()), with_both);
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"\u0069d":2,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            "{}",
            "",
        ] {
            assert!(Message::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_and_strings_do_not_count() {
        let nested = |levels: usize| {
            format!(r#"{{"jsonrpc":"2.0","method":"x","params":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
        };
        assert!(Message::read(&nested(DEEPEST - 1)).is_ok());
        assert_eq!(Message::read(&nested(100_000)).unwrap_err(), Malformed::Depth);
        let text = format!(r#"{{"jsonrpc":"2.0","method":"x","params":["{}\"["]}}"#, "[".repeat(1000));
        assert!(Message::read(&text).is_ok());
    }

    proptest! {
        #[test]
        fn a_spliced_message_differs_in_its_id_alone(id in 0_u64..1_000_000, text in "\\PC{0,40}", key in "[a-z]{4,9}") {
            let original = json!({ "jsonrpc": "2.0", "id": "client", "method": "m", "params": { (key): text } });
            let written = original.to_string();
            let message = Message::read(&written).unwrap();
            let mut spliced: Value = serde_json::from_str(&message.with_id(&id.to_string())).unwrap();
            prop_assert_eq!(&spliced["id"], &json!(id));
            spliced["id"] = json!("client");
            prop_assert_eq!(spliced, original);
        }

        #[test]
        fn any_text_can_be_read(text in "\\PC{0,80}") {
            let _ = Message::read(&text);
        }
    }
}
