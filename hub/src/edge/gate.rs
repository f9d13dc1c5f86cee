//! What a request must show before anything else looks at it: where it comes from, who calls, and
//! that they may use this route.

use std::sync::Arc;

use http::{
    HeaderMap, Response, StatusCode, Uri,
    header::{AUTHORIZATION, HOST, ORIGIN},
    request::Parts,
};
use http_body_util::{BodyExt, Limited};
use hyper::{Request, body::Incoming};
use sha2::{Digest, Sha256};

use crate::{
    catalog::{self, Route},
    downstream::{
        self, Checked,
        answers::{self, Body},
    },
    hub::Hub,
    identity::Caller,
    isolation::Rule,
    upstream::headers::SESSION,
};

/// Nothing was shown.
const BRING_A_KEY: &str = "Bearer realm=\"hub\"";
/// What was shown is no key of this hub.
const BAD_KEY: &str = "Bearer realm=\"hub\", error=\"invalid_token\"";

/// Answers one HTTP request.
pub(super) async fn answer(hub: Arc<Hub>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match check(&hub, &parts) {
        Ok((caller, route)) => {
            let body = match Limited::new(body, hub.config.limits.body).collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => {
                    return answers::error(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "null",
                        -32600,
                        "the body is too large, or broke off",
                    );
                }
            };
            if caller.life.has_ended() {
                return answers::unauthorized(BAD_KEY); // It was taken away while the body came.
            }
            let Parts { method, headers, .. } = parts;
            downstream::handle(Checked { hub, caller, route, method, headers, body }).await
        }
        Err(refusal) => *refusal,
    }
}

fn check(hub: &Hub, parts: &Parts) -> Result<(Caller, Route), Box<Response<Body>>> {
    if hub.config.listen.ip().is_loopback() && !from_this_machine(&parts.headers) {
        let text = "this hub listens on loopback and answers requests for localhost only";
        return Err(Box::new(answers::error(StatusCode::FORBIDDEN, "null", -32000, text)));
    }
    let caller = authenticate(hub, &parts.headers).map_err(|challenge| Box::new(answers::unauthorized(challenge)))?;
    let route = catalog::find(&hub.config, &caller.user, parts.uri.path());
    Ok((caller, route.ok_or_else(|| Box::new(answers::unknown_server()))?))
}

/// A page in a browser can be made to call this machine by another name (DNS rebinding); then its
/// host, and its origin, are not this machine's.
fn from_this_machine(headers: &HeaderMap) -> bool {
    let local = |authority: &str| {
        let after = ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|name| authority.strip_prefix(name));
        after.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = headers.get(ORIGIN).map(|origin| {
        let uri: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
        uri.and_then(|uri| uri.authority().map(ToString::to_string))
    });
    host.is_some_and(local) && origin.is_none_or(|origin| origin.is_some_and(|origin| local(&origin)))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Who holds the key that this request carries.
fn authenticate(hub: &Hub, headers: &HeaderMap) -> Result<Caller, &'static str> {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let key = match (shown.next(), shown.next()) {
        (Some(value), None) => value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).ok_or(BAD_KEY),
        (None, _) => Err(BRING_A_KEY),
        (Some(_), Some(_)) => Err(BAD_KEY),
    };
    let caller = key.and_then(|key| holder(hub, key.trim()).ok_or(BAD_KEY));
    match caller {
        Ok(caller) => Ok(caller),
        Err(_) if !hub.isolation.keeps(Rule::AuthenticateEveryRequest) => owner_of_session(hub, headers).ok_or(BAD_KEY),
        Err(challenge) => Err(challenge),
    }
}

/// Who holds a key. How long the look-up takes depends on the digest of what was shown, which whoever shows it cannot
/// bring near that of a key without knowing the key: there is nothing to learn from the time, digit by digit or at all.
/// So it need not compare with every key, which would cost each request the more the more users there are.
fn holder(hub: &Hub, key: &str) -> Option<Caller> {
    let shown: [u8; 32] = Sha256::digest(key).into();
    hub.holder(&shown)
}

fn owner_of_session(hub: &Hub, headers: &HeaderMap) -> Option<Caller> {
    let id = headers.get(SESSION)?.to_str().ok()?;
    let sessions = hub.sessions.everything();
    sessions.iter().find(|session| **session.life.key() == *id).map(|session| session.caller.clone())
}
