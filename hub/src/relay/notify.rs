//! Messages that nobody answers: notifications of a client, cancels among them.

use std::sync::Arc;

use super::{Errand, UpstreamSession, Visit, upstream_session};
use crate::{envelope::Message, era::Era, isolation::Rule, upstream::Fault};

/// Passes a client's notification on to its server.
pub(crate) async fn notify(errand: &Errand, message: &Message<'_>) -> Result<(), Fault> {
    let upstream = upstream_session::of(errand).await?;
    pass(errand, &upstream, message.whole()).await
}

/// Passes a cancel on to the call that it means, or nowhere.
pub(crate) async fn cancel(visit: &Visit, message: &Message<'_>) -> Result<(), Fault> {
    let Some((raw, id)) = message.id_param("requestId") else { return Ok(()) };
    let Some(claimed) = visit.hub.request_ids.get(&visit.place(), &id).await? else {
        return Ok(()); // Answered meanwhile, or never asked: nothing to cancel.
    };
    claimed.canceled.cancel();
    let Some(target) = claimed.target else { return Ok(()) };
    if target.upstream.era == Era::Stateless {
        return Ok(()); // It learns it when its answer is no longer read.
    }
    let body = match visit.hub.isolation.keeps(Rule::TranslateCancel) {
        true => message.with_part(raw, &target.wire.to_string()),
        false => message.whole(),
    };
    // By whoever asks now: a call that was found in a table too wide shows whose cancel it was.
    pass(&visit.to(&target.errand.server), &target.upstream, body).await
}

/// Sends a message that is only accepted. In the stateless era there is none.
pub(super) async fn pass(errand: &Errand, upstream: &Arc<UpstreamSession>, body: String) -> Result<(), Fault> {
    if upstream.era == Era::Stateless {
        return Ok(());
    }
    let passing = errand.send(upstream, body);
    let limit = errand.hub.config.limits.call_timeout;
    let passed = tokio::time::timeout(limit, passing).await.unwrap_or(Err(Fault::TimedOut));
    if let Err(fault) = &passed {
        upstream_session::lost(errand, upstream, fault).await;
    }
    passed.map(drop)
}

/// Tells the upstream that nobody waits for this call any more.
pub(super) fn give_up(errand: &Errand, upstream: &Arc<UpstreamSession>, wire: u64, why: &str) {
    let body = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{wire},"reason":"{why}"}}}}"#
    );
    send_in_background(errand, upstream.clone(), body);
}

/// Sends a message whose fate changes nothing here.
pub(super) fn send_in_background(errand: &Errand, upstream: Arc<UpstreamSession>, body: String) {
    let errand = errand.clone();
    tokio::spawn(async move {
        if let Err(fault) = pass(&errand, &upstream, body).await {
            tracing::debug!(server = %errand.server, %fault, "a message to an upstream was lost");
        }
    });
}
