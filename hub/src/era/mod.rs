//! The two eras of the protocol, and what differs between their messages.
//!
//! In the stateful era (revisions 2025-03-26 to 2025-11-25) a session is opened with `initialize` and everything that
//! was agreed there holds for it. In the stateless era (revision 2026-07-28) each request says in its `_meta` what it
//! needs to be understood, and mirrors in its headers what somebody in between may want to know.
//!
//! - [`meta`]: what a stateless request says of itself, read, taken out, put in.
//! - [`mirror`]: the headers that repeat what stands in the body.
//! - [`results`]: answers of one era as the other one expects them.
//! - [`level`]: how severe a log message is.

pub(crate) mod level;
pub(crate) mod meta;
pub(crate) mod mirror;
pub(crate) mod results;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use level::Level;
pub(crate) use meta::Meta;

/// The revision of the stateless era.
pub(crate) const STATELESS: &str = "2026-07-28";

/// JSON-RPC code: a header does not say what the body says.
pub(crate) const HEADER_MISMATCH: i64 = -32020;
/// JSON-RPC code: the request would need a capability that it did not declare.
pub(crate) const MISSING_CAPABILITY: i64 = -32021;
/// JSON-RPC code: a revision that is not spoken here.
pub(crate) const UNSUPPORTED_REVISION: i64 = -32022;

/// Requests that may be answered with a wish for more input.
pub(crate) const IN_ROUNDS: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// How a peer is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// In sessions.
    Stateful,
    /// By requests that stand alone.
    Stateless,
}

/// The capability that a client has to declare to be asked with this method; `None` for what no client is asked.
pub(crate) fn capability_for(method: &str) -> Option<&'static str> {
    match method {
        "elicitation/create" => Some("elicitation"),
        "sampling/createMessage" => Some("sampling"),
        "roots/list" => Some("roots"),
        _ => None,
    }
}

/// JSON with its keys in order: a client that writes its request anew may write it in another order.
pub(crate) fn canonical(json: &str) -> String {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let members: BTreeMap<_, _> = members.into_iter().collect();
                members.into_iter().map(|(key, value)| (key, sorted(value))).collect()
            }
            Value::Array(items) => items.into_iter().map(sorted).collect(),
            other => other,
        }
    }
    serde_json::from_str(json).map_or_else(|_| json.to_owned(), |value| sorted(value).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_another_order_is_the_same_and_nothing_else_is() {
        assert_eq!(canonical(r#"{"b":[{"d":1,"c":2}], "a":null}"#), canonical(r#"{"a":null,"b":[{"c":2,"d":1}]}"#));
        assert_ne!(canonical(r#"{"a":[1,2]}"#), canonical(r#"{"a":[2,1]}"#));
        assert_ne!(canonical(r#"{"a":1}"#), canonical(r#"{"a":"1"}"#));
    }
}
