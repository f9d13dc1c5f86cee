//! POST of one request of the stateless era, whose caller has been checked: it stands alone, and what it needs to be
//! understood is in itself.
//!
//! What a call has to say goes out on the stream of its own response, and a client that closes it has canceled the call.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::{
    Checked, Session,
    answers::{self, Body},
    front::revision_header,
    stateful::{self, Refusal, raw_id},
    streams::KEEP_ALIVE,
    subscriptions,
};
use crate::{
    envelope::{Kind, Message, Object, may_say, sse, with_part},
    era::{HEADER_MISMATCH, MISSING_CAPABILITY, Meta, STATELESS, UNSUPPORTED_REVISION, meta, mirror},
    isolation::Rule,
    relay::{Reply, Step, Steps, Visit},
    upstream::{Fault, headers::REVISION},
};

/// What the stateless era does without.
const REMOVED: [&str; 5] = ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// Answers it.
pub(super) async fn post(request: &Checked, message: &Message<'_>) -> Result<Response<Body>, Refusal> {
    let Kind::Request { id, method } = &message.kind else {
        return Ok(answers::empty(StatusCode::ACCEPTED)); // There is nobody to tell: a cancel is a closed stream.
    };
    let meta = checked(request, message)?;
    if REMOVED.contains(&method.as_str()) {
        let text = format!("there is no `{method}` in revision {STATELESS}");
        return Ok(answers::error(StatusCode::NOT_FOUND, raw_id(message), -32601, &text));
    }
    let moment = Session::moment(&request.hub, &request.caller, &request.route, &meta).await;
    let session = moment.map_err(|fault| match fault {
        Fault::OverCap => {
            let text = "you have as many requests in flight as your limit allows; wait until one has ended";
            Box::new(answers::error(StatusCode::TOO_MANY_REQUESTS, raw_id(message), -32000, text))
        }
        fault => {
            tracing::error!(detail = fault.detail(), "beginning a request");
            Box::new(answers::error(StatusCode::INTERNAL_SERVER_ERROR, raw_id(message), -32603, "the hub failed"))
        }
    })?;
    let claims = Some(Arc::new(claims(&request.headers)));
    let visit = Visit { claims, log_level: meta.log_level, ..request.visit(&session) };
    if method == "subscriptions/listen" {
        return Ok(Box::pin(subscriptions::open(&visit, &request.route, message)).await);
    }
    let reply = stateful::reply(&visit, &request.route, message, id.clone(), method).await;
    Ok(answered(reply, method).await)
}

/// The headers in which a request repeats its arguments.
fn claims(headers: &HeaderMap) -> HeaderMap {
    let claims = headers.iter().filter(|(name, _)| name.as_str().starts_with(mirror::PARAM));
    claims.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Checks everything that a request says of itself, in its headers and in its `_meta`, before anything goes upstream.
fn checked(request: &Checked, message: &Message<'_>) -> Result<Meta, Refusal> {
    let refusal = |code, text: &str| Box::new(answers::error(StatusCode::BAD_REQUEST, raw_id(message), code, text));
    let compares = request.hub.isolation.keeps(Rule::HeadersMatchBody);
    let said = meta::revision(message);
    if let Some(said) = &said {
        if compares {
            let compared = mirror::must_say(&request.headers, &REVISION, Some(said));
            compared.map_err(|mismatch| refusal(HEADER_MISMATCH, &mismatch.to_string()))?;
        }
        if said != STATELESS {
            return Err(Box::new(answers::unsupported_revision(raw_id(message), said, &[STATELESS])));
        }
    } else if let Some(named) = revision_header(&request.headers).filter(|named| named != STATELESS) {
        return Err(Box::new(answers::unsupported_revision(raw_id(message), &named, &[STATELESS])));
    }
    if compares && said.is_some() {
        let compared = mirror::compare(&request.headers, message);
        compared.map_err(|mismatch| refusal(HEADER_MISMATCH, &mismatch.to_string()))?;
    }
    Meta::of(message).map_err(|incomplete| refusal(-32602, &incomplete.to_string()))
}

async fn answered(reply: Reply, method: &str) -> Response<Body> {
    let mut steps = match reply {
        Reply::Whole(text) => return whole(text),
        Reply::Steps(steps) => steps,
    };
    let discovers = method == "server/discover";
    match steps.next().await {
        Some(Step::Answer { text, .. }) if discovers => whole(with_own_revisions(text)),
        None => answers::nothing(),
        Some(Step::Answer { text, streamed: false } | Step::Failed { text, .. }) => whole(text),
        Some(Step::Answer { text, streamed: true }) => match status(&text) {
            StatusCode::OK => answers::one_event(&text),
            _ => whole(text),
        },
        Some(first) => streamed(told(first, steps)),
    }
}

/// What a server says of itself, with the revisions that are spoken here.
fn with_own_revisions(answer: String) -> String {
    let named = Object::read(&answer)
        .ok()
        .and_then(|answer| Object::read(answer.get("result")?).ok()?.get("supportedVersions"));
    match named {
        Some(named) => with_part(&answer, named, &format!(r#"["{STATELESS}"]"#)),
        None => answer,
    }
}

/// A response that is only an answer.
pub(super) fn whole(text: String) -> Response<Body> {
    answers::json(status(&text), text)
}

/// The status that goes with an answer.
fn status(answer: &str) -> StatusCode {
    if !may_say(answer, "error") {
        return StatusCode::OK;
    }
    let error = Object::read(answer).ok().and_then(|answer| Object::read(answer.get("error")?).ok()?.get("code"));
    match error.and_then(|code| code.parse().ok()) {
        Some(HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_REVISION) => StatusCode::BAD_REQUEST,
        Some(-32601) => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    }
}

/// What a call has to say, carried on by whoever reads it. Dropped, it drops the call, which is thereby canceled.
fn told(first: Step, steps: Steps) -> impl Stream<Item = String> + Send {
    stream::unfold((Some(first), steps), |(mut first, mut steps)| async move {
        loop {
            let step = match first.take() {
                Some(first) => first,
                None => steps.next().await?,
            };
            if let Some(text) = step.into_text() {
                return Some((text, (None, steps)));
            }
        }
    })
}

/// An event stream of these messages, until its client goes away.
pub(super) fn streamed(messages: impl Stream<Item = String> + Send + 'static) -> Response<Body> {
    let events = stream::unfold(Box::pin(messages), |mut messages| async move {
        let text = tokio::select! {
            biased;
            message = futures_util::StreamExt::next(&mut messages) => sse::event(&message?),
            () = tokio::time::sleep(KEEP_ALIVE) => ":\n\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(text))), messages))
    });
    answers::event_stream(StatusCode::OK, StreamBody::new(events).boxed_unsync())
}
