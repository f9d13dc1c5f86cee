//! The headers of the stateless era that repeat what stands in the body, for whoever stands in between and does not
//! read bodies: compared when a request comes in, made anew from the body when one goes out.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::envelope::{Kind, Message};

/// The method.
pub(crate) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The tool, the prompt or the resource.
pub(crate) const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// How the headers of arguments begin.
pub(crate) const PARAM: &str = "mcp-param-";
/// How a value is wrapped that no header can hold as it is.
const WRAP: (&str, &str) = ("=?base64?", "?=");

/// What a header says is not what the body says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    /// It has to be there.
    #[error("the header `{0}` is missing")]
    Missing(String),
    /// It may stand there once, in characters that a header can have.
    #[error("the header `{0}` stands there twice, or is not readable")]
    Unreadable(String),
    /// Two things are said.
    #[error("the header `{0}` does not say what the body says")]
    Differs(String),
}

/// The member of `params` that `Mcp-Name` repeats, for methods that have one.
fn named_by(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

/// What `Mcp-Name` says of a message.
fn name_of(message: &Message<'_>) -> Option<String> {
    let (Kind::Request { method, .. } | Kind::Notification { method }) = &message.kind else { return None };
    Some(message.string_param(named_by(method)?)?.1)
}

/// Compares the headers of a request with its body. What the body does not have, the header may not claim.
pub(crate) fn compare(headers: &HeaderMap, message: &Message<'_>) -> Result<(), Mismatch> {
    let (Kind::Request { method, .. } | Kind::Notification { method }) = &message.kind else { return Ok(()) };
    must_say(headers, &METHOD, Some(method))?;
    if named_by(method).is_some() {
        must_say(headers, &NAME, name_of(message).as_deref())?;
    }
    Ok(())
}

/// Whether a header says exactly this, and is absent where there is nothing to say.
pub(crate) fn must_say(headers: &HeaderMap, name: &HeaderName, expected: Option<&str>) -> Result<(), Mismatch> {
    let mut values = headers.get_all(name).iter();
    let said = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => {
            let value = value.to_str().ok().and_then(|value| unwrapped(value.trim()));
            Some(value.ok_or_else(|| Mismatch::Unreadable(name.to_string()))?)
        }
        (Some(_), Some(_)) => return Err(Mismatch::Unreadable(name.to_string())),
    };
    match (said, expected) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Mismatch::Missing(name.to_string())),
        (Some(said), Some(expected)) if said == expected => Ok(()),
        (Some(_), _) => Err(Mismatch::Differs(name.to_string())),
    }
}

/// The headers that repeat this body.
pub(crate) fn headers_of(message: &Message<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let (Kind::Request { method, .. } | Kind::Notification { method }) = &message.kind else { return Vec::new() };
    let mut headers: Vec<_> = wrapped(method).map(|value| (METHOD, value)).into_iter().collect();
    headers.extend(name_of(message).and_then(|name| Some((NAME, wrapped(&name)?))));
    headers
}

/// A text as a header can hold it.
pub(crate) fn wrapped(text: &str) -> Option<HeaderValue> {
    let plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) && text.trim() == text;
    let looks_wrapped = text.starts_with(WRAP.0) && text.ends_with(WRAP.1);
    let written = match plain && !looks_wrapped {
        true => text.to_owned(),
        false => format!("{}{}{}", WRAP.0, STANDARD.encode(text), WRAP.1),
    };
    HeaderValue::try_from(written).ok()
}

/// The text that a header holds; `None` where it is wrapped and cannot be unwrapped.
fn unwrapped(value: &str) -> Option<String> {
    match value.strip_prefix(WRAP.0).and_then(|inner| inner.strip_suffix(WRAP.1)) {
        Some(inner) => String::from_utf8(STANDARD.decode(inner).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> HeaderMap {
        headers_of(&Message::read(text).unwrap()).into_iter().collect()
    }

    #[test]
    fn what_the_body_says_twice_or_not_at_all_is_refused() {
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
        let message = Message::read(text).unwrap();
        let good = of(text);
        assert_eq!(compare(&good, &message), Ok(()));
        let mut headers = good.clone();
        headers.insert(NAME, HeaderValue::from_static(" t "));
        assert_eq!(compare(&headers, &message), Ok(()), "white space around a value is none of it");
        headers.append(NAME, HeaderValue::from_static("t"));
        assert_eq!(compare(&headers, &message), Err(Mismatch::Unreadable("mcp-name".into())));
        headers.insert(NAME, HeaderValue::from_static("=?base64?*?="));
        assert_eq!(compare(&headers, &message), Err(Mismatch::Unreadable("mcp-name".into())));
        headers.insert(NAME, HeaderValue::from_static("T"));
        assert_eq!(compare(&headers, &message), Err(Mismatch::Differs("mcp-name".into())));
        headers.remove(NAME);
        assert_eq!(compare(&headers, &message), Err(Mismatch::Missing("mcp-name".into())));
        let nameless = Message::read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#).unwrap();
        assert_eq!(compare(&good, &nameless), Err(Mismatch::Differs("mcp-name".into())));
    }

    proptest! {
        #[test]
        fn any_name_travels_and_makes_no_second_header(name in "\\PC{0,20}|[ -~\r\n\t]{0,20}") {
            let text = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name } }).to_string();
            let headers = of(&text);
            prop_assert_eq!(headers.len(), 2);
            prop_assert_eq!(compare(&headers, &Message::read(&text).unwrap()), Ok(()));
        }
    }
}
