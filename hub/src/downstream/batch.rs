//! Several messages in one POST, which revision 2025-03-26 allows and later ones do not.
//!
//! Each is handled as if it had come alone, side by side with the others; what they are answered goes out on one
//! event stream, whoever is ready first.

use http::{Response, StatusCode};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{
    BATCHING,
    answers::{self, Body},
    session,
    stateful::{Checked, Refusal, in_session, malformed, read, reply, told},
    streams,
};
use crate::{
    catalog::Route,
    envelope::{Kind, Message},
    relay::{Reply, Step, Visit},
};

/// Messages in one batch: as many as a session may have calls in flight by default.
const MOST: usize = 64;
/// Answers that wait for a slow reader.
const QUEUE: usize = 16;

/// Answers a batch.
pub(super) async fn post(request: &Checked, text: &str) -> Result<Response<Body>, Refusal> {
    let visit = request.visit(&in_session(request).await?);
    let revision = session::revision(&visit, &request.route).await;
    if revision.is_ok_and(|revision| revision != BATCHING) {
        return Err(malformed(-32600, "this revision has no batches; send each message in a POST of its own"));
    }
    let texts: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| malformed(-32700, &error.to_string()))?;
    if texts.is_empty() || texts.len() > MOST {
        return Err(malformed(-32600, &format!("a batch has 1 to {MOST} messages")));
    }
    let messages = texts.iter().map(|text| read(text.get())).collect::<Result<Vec<_>, _>>()?;
    if messages.iter().any(|message| matches!(&message.kind, Kind::Request { method, .. } if method == "initialize")) {
        return Err(malformed(-32600, "`initialize` comes alone"));
    }
    let mut silent = true;
    let (tell, answers) = mpsc::channel(QUEUE);
    for (message, text) in messages.iter().zip(&texts) {
        silent &= !matches!(message.kind, Kind::Request { .. });
        tokio::spawn(one(visit.clone(), request.route.clone(), text.get().to_owned(), tell.clone()));
    }
    drop(tell);
    Ok(if silent { answers::empty(StatusCode::ACCEPTED) } else { streams::of_call(&visit, None, answers).await })
}

/// One message of it.
async fn one(visit: Visit, route: Route, text: String, tell: mpsc::Sender<Step>) {
    let Ok(message) = Message::read(&text) else { return };
    let Kind::Request { id, method } = &message.kind else {
        return told(&visit, &route, &message).await;
    };
    if method == "ping" {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, message.raw_id().unwrap_or("null"));
        return drop(tell.send(Step::Answer { text, streamed: true }).await);
    }
    match reply(&visit, &route, &message, id.clone(), method).await {
        // A client that has gone is told nothing; its calls run on, as they do when they come alone.
        Reply::Whole(text) => drop(tell.send(Step::Answer { text, streamed: true }).await),
        Reply::Steps(steps) => {
            let mut steps = steps.detach(); // A slow reader must not hold the call up.
            while let Some(step) = steps.recv().await {
                let _ = tell.send(step).await;
            }
        }
    }
}
