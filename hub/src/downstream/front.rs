//! In which era a request is, decided anew for each: the same path serves both.
//!
//! A request with a revision in its `_meta`, or with a revision header of the stateless era, is of that era, whatever
//! session id it may carry besides. `initialize` begins a session unless it has such a `_meta`. Everything that the two
//! eras can tell of one request has to agree, or a client could choose the era whose checks suit it.

use std::borrow::Cow;

use http::{HeaderMap, Method, Response};

use super::{
    Checked, REVISIONS,
    answers::{self, Body},
    stateful, stateless,
};
use crate::{
    envelope::{Kind, Message},
    era::{Era, STATELESS, meta},
    upstream::headers::REVISION,
};

/// Answers a request whose caller has been checked. Whatever is seldom asked for is boxed, here and further on: a call has
/// room made for the largest of the things that it could become.
pub(crate) async fn handle(request: Checked) -> Response<Body> {
    if request.method != Method::POST {
        return match revision_header(&request.headers).as_deref() {
            Some(STATELESS) => answers::post_only(),
            _ => Box::pin(stateful::handle(&request)).await,
        };
    }
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return *stateful::malformed(-32700, "the body is not UTF-8");
    };
    if text.trim_start().starts_with('[') {
        return Box::pin(stateful::batch(&request, text)).await;
    }
    let message = match stateful::read(text) {
        Ok(message) => message,
        Err(refusal) => return *refusal,
    };
    let answered = match era(&request.headers, &message) {
        Era::Stateful => stateful::post(&request, &message).await,
        Era::Stateless => stateless::post(&request, &message).await,
    };
    answered.unwrap_or_else(|refusal| *refusal)
}

/// The era of a message.
fn era(headers: &HeaderMap, message: &Message<'_>) -> Era {
    if meta::revision(message).is_some() {
        return Era::Stateless;
    }
    let method = match &message.kind {
        Kind::Request { method, .. } | Kind::Notification { method } => method.as_str(),
        Kind::Response { .. } => "",
    };
    match revision_header(headers).as_deref() {
        _ if method == "initialize" => Era::Stateful,
        Some(STATELESS) => Era::Stateless,
        None if method == "server/discover" => Era::Stateless,
        _ => Era::Stateful,
    }
}

/// The revision that the header names, of several the first: those that compare it refuse several.
pub(super) fn revision_header(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    headers.get(REVISION).map(|value| match String::from_utf8_lossy(value.as_bytes()) {
        Cow::Borrowed(named) => Cow::Borrowed(named.trim()),
        Cow::Owned(named) => Cow::Owned(named.trim().to_owned()),
    })
}

/// Whether this revision is spoken here.
pub(super) fn is_spoken(revision: &str) -> bool {
    revision == STATELESS || REVISIONS.contains(&revision)
}

/// Every revision that is spoken here, newest first.
pub(super) fn all_revisions() -> Vec<&'static str> {
    [STATELESS].into_iter().chain(REVISIONS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_era_is_the_requests_own() {
        let modern = r#"{"jsonrpc":"2.0","id":1,"method":"METHOD","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        let older = r#"{"jsonrpc":"2.0","id":1,"method":"METHOD","params":{}}"#;
        for (text, method, header, expected) in [
            (modern, "tools/list", Some(STATELESS), Era::Stateless),
            (modern, "tools/list", None, Era::Stateless),
            (modern, "tools/list", Some("2025-11-25"), Era::Stateless),
            (modern, "initialize", Some(STATELESS), Era::Stateless),
            (older, "initialize", Some(STATELESS), Era::Stateful),
            (older, "tools/list", Some(STATELESS), Era::Stateless),
            (older, "tools/list", Some("2025-11-25"), Era::Stateful),
            (older, "tools/list", None, Era::Stateful),
            (older, "server/discover", None, Era::Stateless),
            (older, "server/discover", Some("2025-11-25"), Era::Stateful),
        ] {
            let text = text.replace("METHOD", method);
            let headers = header.map(|header| (REVISION, header.parse().unwrap())).into_iter().collect();
            assert_eq!(era(&headers, &Message::read(&text).unwrap()), expected, "{text} {header:?}");
        }
    }
}
