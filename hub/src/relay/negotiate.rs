//! In which era a server is spoken to: as the operator says, or as the server says itself when it is asked.
//!
//! A server's own word is kept for the credential that it was given to. A doubtful answer is kept for nobody: what one
//! user met at a bad moment must not decide how anybody is served from then on.

use std::time::Duration;

use serde_json::Value;

use super::{Errand, UpstreamSession, bridge, transport};
use crate::{
    config::SpokenTo,
    envelope::{Id, Kind, Message, Object},
    era::{Era, STATELESS, UNSUPPORTED_REVISION, meta},
    upstream::{Fault, Transport},
};

/// How long a server may take to say in which era it wants to be spoken to.
const PATIENCE: Duration = Duration::from_secs(10);
/// The hub asks on its own account: nothing of the user's is in it.
const QUESTION: &str = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
/// The id in it.
const ID: u64 = 1;

/// The era of a server, for whoever is on this errand, and asks by this way if it has one.
pub(crate) async fn era(errand: &Errand, way: Option<&Transport>) -> Result<Era, Fault> {
    match errand.hub.server(&errand.server)?.era {
        SpokenTo::Stateful => return Ok(Era::Stateful),
        SpokenTo::Stateless => return Ok(Era::Stateless),
        SpokenTo::Auto => {}
    }
    let (table, place) = (&errand.hub.upstream_eras, errand.hub.place(&errand.caller, &errand.server));
    if let Some(known) = table.get(&place, &errand.server).await? {
        return Ok(known);
    }
    let asked = Box::pin(asked(errand.clone(), way.cloned()));
    match table.get_or_open(&place, errand.server.clone(), asked, drop).await {
        // It is no server of the stateless era for all that is known now; the next request asks again.
        Err(Fault::OtherEra) => Ok(Era::Stateful),
        found => found,
    }
}

/// Asks a server. What it says without doubt is an era; [`Fault::OtherEra`] where it says something odd.
async fn asked(errand: Errand, way: Option<Transport>) -> Result<Era, Fault> {
    let patience = PATIENCE.min(errand.hub.config.limits.call_timeout);
    tokio::time::timeout(patience, answered(&errand, way)).await.map_err(|_| Fault::TimedOut)?
}

async fn answered(errand: &Errand, way: Option<Transport>) -> Result<Era, Fault> {
    let Some(way) = way else {
        let way = transport::of_moment(errand).await?;
        let found = Box::pin(answered(errand, Some(way))).await;
        if found != Ok(Era::Stateless) {
            transport::no_longer_of_moments(errand).await?;
        }
        return found;
    };
    let question = Message::read(QUESTION).map_err(|error| Fault::Internal { detail: error.to_string() })?;
    let upstream = UpstreamSession::none_at(&errand.server, way);
    let sent = errand.send(&upstream, meta::put_in(&question, &bridge::own_meta())).await;
    let mut frames = match sent {
        Ok(answer) => answer.frames,
        Err(Fault::Status(400..=499)) => return Err(Fault::OtherEra),
        Err(fault) => return Err(fault),
    };
    while let Some(frame) = frames.next().await? {
        if let Some(era) = said(&frame) {
            return Ok(era);
        }
    }
    Err(Fault::OtherEra)
}

/// What an answer says; `None` where it says nothing.
fn said(answer: &str) -> Option<Era> {
    let message = Message::read(answer).ok()?;
    let Kind::Response { id } = &message.kind else { return None };
    if id.as_ref().and_then(Id::wire).is_some_and(|id| id != ID) {
        return None;
    }
    let answer = Object::read(answer).ok()?;
    if let Some(result) = answer.get("result") {
        let versions = Object::read(result).ok()?.get("supportedVersions")?;
        return Some(era_of(&serde_json::from_str::<Vec<String>>(versions).ok()?));
    }
    let error: Value = serde_json::from_str(answer.get("error")?).ok()?;
    match error["code"].as_i64()? {
        UNSUPPORTED_REVISION => {
            let supported = error["data"]["supported"].as_array()?;
            Some(era_of(
                &supported.iter().filter_map(|version| version.as_str().map(str::to_owned)).collect::<Vec<_>>(),
            ))
        }
        // It knows no such method, or wants a session first.
        -32601 => Some(Era::Stateful),
        -32600 | -32000 if id.is_some() => Some(Era::Stateful),
        _ => None,
    }
}

fn era_of(versions: &[String]) -> Era {
    if versions.iter().any(|version| version == STATELESS) { Era::Stateless } else { Era::Stateful }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_word_is_taken() {
        let stateless = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2027-01-01","2026-07-28"]}}"#;
        let older = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2025-11-25"]}}"#;
        let refuses = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"m","data":{"supported":["2025-06-18"],"requested":"2026-07-28"}}}"#;
        let unknown = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"m"}}"#;
        for (answer, era) in [
            (stateless, Some(Era::Stateless)),
            (older, Some(Era::Stateful)),
            (refuses, Some(Era::Stateful)),
            (unknown, Some(Era::Stateful)),
            (r#"{"jsonrpc":"2.0","id":2,"result":{"supportedVersions":["2026-07-28"]}}"#, None),
            (r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#, None),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"m"}}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(said(answer), era, "{answer}");
        }
    }
}
