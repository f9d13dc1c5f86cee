//! What a client must offer to be asked, and JSON that is the same in another order.

use std::collections::BTreeMap;

use serde_json::Value;

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
