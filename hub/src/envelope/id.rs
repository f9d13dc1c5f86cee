//! Request ids. Two spellings of one string are one id; a number and a string never are.

/// A request id, comparable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Id {
    /// A string, escapes resolved.
    Text(String),
    /// A number, as it was written: the specification wants integers, and `1.0` is somebody's own idea.
    Number(String),
}

impl Id {
    /// Reads an id as it stands in a message: a JSON value. `null` and everything else is none.
    pub(crate) fn read(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        match raw.as_bytes().first()? {
            b'"' => serde_json::from_str(raw).ok().map(Self::Text),
            b'-' | b'0'..=b'9' => Some(Self::Number(raw.to_owned())),
            _ => None,
        }
    }

    /// The id that the hub gives a request upstream, if this is one.
    pub(crate) fn wire(&self) -> Option<u64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            Self::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_string_are_one_id_and_numbers_are_no_strings() {
        assert_eq!(Id::read(r#""a""#), Id::read(r#""\u0061""#));
        assert_ne!(Id::read("1"), Id::read(r#""1""#));
        assert_eq!(Id::read("null"), None);
        assert_eq!(Id::read("[1]"), None);
    }
}
