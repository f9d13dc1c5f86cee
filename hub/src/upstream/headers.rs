//! The headers of an upstream request: made from nothing, never copied from the client's.

use std::time::UNIX_EPOCH;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};

use crate::{config::Server, downstream::Session, hub::Hub, isolation::Rule, upstream::Fault};

/// The session id header of streamable HTTP.
pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// The revision that has no such header yet.
const BEFORE_THE_HEADER: &str = "2025-03-26";
/// The revision header.
pub(crate) const REVISION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// By which a stream is resumed.
pub(crate) const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// Headers of a request, those of the operator's not counted: room that need not be made one by one.
const USUAL: usize = 12;

/// What a request carries besides its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// For whom.
    pub(crate) session: &'a Session,
    /// Who is calling in it.
    pub(crate) principal: &'a str,
    /// What the client's request said in `Authorization`; nothing may be done with it but to drop it.
    pub(crate) client_authorization: Option<&'a HeaderValue>,
}

/// All headers of a request to `server`, as `bearer` and in this upstream session.
pub(crate) fn of(
    hub: &Hub,
    server: &Server,
    sender: Sender<'_>,
    bearer: Option<&str>,
    upstream_session: Option<(&str, &str)>,
) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::with_capacity(USUAL + server.headers.len());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    for (name, value) in &server.headers {
        headers.insert(name, value.clone());
    }
    if let Some((id, revision)) = upstream_session {
        if !id.is_empty() {
            headers.insert(SESSION, value(id)?);
        }
        if revision != BEFORE_THE_HEADER {
            headers.insert(REVISION, value(revision)?);
        }
    }
    if let Some(bearer) = bearer {
        let mut authorization = value(&format!("Bearer {bearer}"))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
    }
    if let Some(authorization) = sender.client_authorization.filter(|_| !hub.isolation.keeps(Rule::ForwardNoHubToken)) {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    if server.identity_headers && hub.isolation.keeps(Rule::SendIdentity) {
        let now = hub.environment.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        for (name, text) in [
            ("user-id", sender.principal),
            ("user-session-id", &sender.session.name),
            ("x-mcphub-user-id", sender.principal),
            ("x-mcphub-session", &sender.session.name),
            ("x-mcphub-timestamp", &now.to_string()),
        ] {
            headers.insert(HeaderName::from_static(name), value(text)?);
        }
    }
    Ok(headers)
}

fn value(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::try_from(text).map_err(|error| Fault::Internal { detail: error.to_string() })
}
