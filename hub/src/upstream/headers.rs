//! The headers of an upstream request: made from nothing, never copied from the client's.

use std::time::UNIX_EPOCH;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};

use crate::{config::Endpoint, downstream::Session, era::STATELESS, hub::Hub, isolation::Rule, upstream::Fault};

/// The session id header of streamable HTTP.
pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// The revision that has no such header yet.
const BEFORE_THE_HEADER: &str = "2025-03-26";
/// The revision header.
pub(crate) const REVISION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// By which a stream is resumed.
pub(crate) const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// Who is calling, twice: under the names that this hub uses, and under those of the hub that it stands in for.
const USER: [HeaderName; 2] = [HeaderName::from_static("user-id"), HeaderName::from_static("x-mcphub-user-id")];
/// In which session, likewise.
const IN_SESSION: [HeaderName; 2] =
    [HeaderName::from_static("user-session-id"), HeaderName::from_static("x-mcphub-session")];
/// When, in seconds.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-mcphub-timestamp");

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

/// How a request is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken<'a> {
    /// Before anything has been agreed.
    First,
    /// In this session, in this revision.
    InSession {
        /// Empty where the upstream gave none.
        id: &'a str,
        revision: &'a str,
    },
    /// Standing alone.
    Stateless,
}

/// All headers of a request to `endpoint`, as whoever has this `authorization`, but for those that repeat its body.
pub(crate) fn of(
    hub: &Hub,
    endpoint: &Endpoint,
    sender: Sender<'_>,
    authorization: Option<HeaderValue>,
    spoken: Spoken<'_>,
) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::with_capacity(USUAL + endpoint.headers.len());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    for (name, value) in &endpoint.headers {
        headers.insert(name, value.clone());
    }
    match spoken {
        Spoken::First => {}
        Spoken::InSession { id, revision } => {
            if !id.is_empty() {
                headers.insert(SESSION, value(id)?);
            }
            if revision != BEFORE_THE_HEADER {
                headers.insert(REVISION, value(revision)?);
            }
        }
        Spoken::Stateless => {
            headers.insert(REVISION, HeaderValue::from_static(STATELESS));
        }
    }
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    if let Some(authorization) = sender.client_authorization.filter(|_| !hub.isolation.keeps(Rule::ForwardNoHubToken)) {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    if endpoint.identity_headers && hub.isolation.keeps(Rule::SendIdentity) {
        let now = hub.environment.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (user, session) = (value(sender.principal)?, value(&sender.session.name)?);
        headers.extend(USER.map(|name| (name, user.clone())));
        headers.extend(IN_SESSION.map(|name| (name, session.clone())));
        headers.insert(TIMESTAMP, now.into());
    }
    Ok(headers)
}

fn value(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::try_from(text).map_err(|error| Fault::Internal { detail: error.to_string() })
}
