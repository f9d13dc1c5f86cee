//! What came beside what had to come. `…` in a text stands for anything; as an item of a list, for any items.

use serde_json::Value;

use crate::readme::line_matches;

const ANYTHING: &str = "…";

/// What is wrong with what came for somebody, in a sentence.
pub(super) fn problem(wanted: &Value, came: Option<&Value>, others: &[&str]) -> Option<String> {
    let Some(came) = came else { return Some(format!("nothing was told instead of {wanted}")) };
    let text = came.to_string();
    if let Some(other) = others.iter().find(|other| has_word(&text, other)) {
        return Some(format!("there came {text}, which is {other}'s"));
    }
    (!matches(wanted, came)).then(|| format!("there came {text} instead of {wanted}"))
}

/// Whether a name stands in a text as a word of its own: letters of a random mark may spell it too.
fn has_word(text: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word)
        .any(|(at, _)| !inside(text[..at].chars().next_back()) && !inside(text[at + word.len()..].chars().next()))
}

fn matches(wanted: &Value, came: &Value) -> bool {
    match (wanted, came) {
        (Value::String(wanted), Value::String(came)) => line_matches(wanted, came),
        (Value::Number(wanted), Value::Number(came)) => wanted.as_f64() == came.as_f64(),
        (Value::Array(wanted), Value::Array(came)) => items_match(wanted, came),
        (Value::Object(wanted), Value::Object(came)) => {
            wanted.len() == came.len()
                && wanted.iter().all(|(name, wanted)| came.get(name).is_some_and(|came| matches(wanted, came)))
        }
        (wanted, came) => wanted == came,
    }
}

fn items_match(wanted: &[Value], came: &[Value]) -> bool {
    match wanted.split_first() {
        None => came.is_empty(),
        Some((first, rest)) if first == ANYTHING => (0..=came.len()).any(|from| items_match(rest, &came[from..])),
        Some((first, rest)) => {
            came.split_first().is_some_and(|(item, others)| matches(first, item) && items_match(rest, others))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_to_come_is_told_from_what_has_not() {
        for (wanted, came, same) in [
            (json!({ "text": "you are alice …" }), json!({ "text": "you are alice (xt)" }), true),
            (json!({ "text": "you are alice …" }), json!({ "text": "you are carol (xt)" }), false),
            (json!({ "text": "a" }), json!({ "text": "a", "heard": [] }), false),
            (json!({ "text": "a", "heard": [] }), json!({ "text": "a" }), false),
            (json!({ "text": "a" }), json!({ "error": "a" }), false),
            (json!([{ "progress": 50 }]), json!([{ "progress": 50.0 }]), true),
            (json!([{ "progress": 50 }]), json!([{ "progress": 51 }]), false),
            (json!([1, 2]), json!([2, 1]), false),
            (json!(["…", "b", "…"]), json!(["a", "b"]), true),
            (json!(["…", "b", "…"]), json!(["a", "c"]), false),
            (json!(["b"]), json!(["a", "b"]), false),
        ] {
            assert_eq!(problem(&wanted, Some(&came), &[]).is_none(), same, "{wanted} {came}");
        }
    }

    #[test]
    fn what_is_somebody_elses_is_never_right() {
        let (wanted, came) = (json!({ "text": "…" }), json!({ "text": "data of bob" }));
        assert_eq!(problem(&wanted, Some(&came), &["carol"]), None);
        assert_eq!(problem(&wanted, Some(&json!({ "text": "[xt0bobs]" })), &["bob"]), None);
        let told = problem(&wanted, Some(&came), &["bob"]).unwrap();
        assert_eq!(told, r#"there came {"text":"data of bob"}, which is bob's"#);
        assert!(problem(&wanted, None, &[]).unwrap().starts_with("nothing was told"));
    }
}
