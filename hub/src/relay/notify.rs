//! Messages that nobody answers: notifications of a client, cancels among them, and refusals of what
//! an upstream asks.

use std::sync::Arc;

use http::{HeaderValue, Method};

use super::{CallHandle, UpstreamSession, upstream_session, upstream_session::send};
use crate::{
    downstream::Session,
    envelope::{Id, Message, object::Object},
    hub::Hub,
    identity::Caller,
    isolation::Rule,
    upstream::Fault,
};

/// Passes a client's notification on. A cancel goes to the call that it means, or nowhere.
pub(crate) async fn notify(
    hub: &Arc<Hub>,
    caller: &Caller,
    session: &Arc<Session>,
    authorization: Option<&HeaderValue>,
    message: &Message<'_>,
    method: &str,
) -> Result<(), Fault> {
    if method == "notifications/cancelled" {
        return cancel(hub, caller, session, authorization, message).await;
    }
    let upstream = upstream_session::of(hub, caller, session, authorization).await?;
    let body = message.whole();
    pass(hub, caller, session, authorization, &upstream, body).await
}

async fn cancel(
    hub: &Arc<Hub>,
    caller: &Caller,
    session: &Arc<Session>,
    authorization: Option<&HeaderValue>,
    message: &Message<'_>,
) -> Result<(), Fault> {
    let raw = message.params.and_then(|params| Object::read(params).ok()).and_then(|params| params.get("requestId"));
    let Some((raw, id)) = raw.and_then(|raw| Some((raw, Id::read(raw)?))) else { return Ok(()) };
    let place = hub.place(caller, &session.route).in_session(&session.key);
    let Some(call) = hub.request_ids.get(&place, &id).await? else {
        return Ok(()); // Answered meanwhile, or never asked: nothing to cancel.
    };
    let body = match hub.isolation.keeps(Rule::TranslateCancel) {
        true => message.with_part(raw, &call.wire.to_string()),
        false => message.whole(),
    };
    call.canceled.cancel();
    pass(hub, caller, session, authorization, &call.upstream, body).await
}

async fn pass(
    hub: &Hub,
    caller: &Caller,
    session: &Session,
    authorization: Option<&HeaderValue>,
    upstream: &UpstreamSession,
    body: String,
) -> Result<(), Fault> {
    let passing = send(hub, caller, session, authorization, Some(upstream), Method::POST, body);
    tokio::time::timeout(hub.config.limits.call_timeout, passing).await.map_err(|_| Fault::TimedOut)??;
    Ok(())
}

/// Tells the upstream that nobody waits for this call any more.
pub(super) fn give_up(hub: &Arc<Hub>, caller: &Caller, session: &Arc<Session>, call: &CallHandle) {
    let body = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{},"reason":"timed out"}}}}"#,
        call.wire
    );
    send_in_background(hub, caller, session, call.upstream.clone(), body);
}

/// What an upstream is told that asks a client for something: this hub passes no such request on.
pub(super) fn refusal(request: &Message<'_>) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32601,"message":"this client offers nothing to ask for"}}}}"#,
        request.raw_id().unwrap_or("null")
    )
}

/// Sends a message whose fate changes nothing here.
pub(super) fn send_in_background(
    hub: &Arc<Hub>,
    caller: &Caller,
    session: &Arc<Session>,
    upstream: Arc<UpstreamSession>,
    body: String,
) {
    let (hub, caller, session) = (hub.clone(), caller.clone(), session.clone());
    tokio::spawn(async move {
        if let Err(fault) = pass(&hub, &caller, &session, None, &upstream, body).await {
            tracing::debug!(server = %session.route, %fault, "a message to an upstream was lost");
        }
    });
}
