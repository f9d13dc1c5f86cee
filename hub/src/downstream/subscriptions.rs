//! `subscriptions/listen`: a client of the stateless era that listens, on the stream of its own request.

use futures_util::stream;
use http::Response;

use super::{
    answers::{self, Body},
    stateless::{streamed, whole},
};
use crate::{
    catalog::{Reach, Route},
    envelope::Message,
    relay::{self, Heard, Visit},
};

/// Begins to listen and answers with the stream, or with why there is none.
pub(super) async fn open(visit: &Visit, route: &Route, message: &Message<'_>) -> Response<Body> {
    let raw_id = message.raw_id().unwrap_or("null");
    let Reach::Server(server) = &route.reach else {
        let text = "no method `subscriptions/listen` on a route with several servers";
        return whole(answers::error_text(raw_id, -32601, text, None));
    };
    let heard = match visit.towards(server).await {
        Ok(errand) => relay::subscribe(&errand, message).await,
        Err(fault) => Err(fault),
    };
    match heard {
        Ok(Heard::Refused(text)) => whole(text),
        Ok(Heard::Stream(ear)) => {
            let stopping = visit.hub.stopping.clone();
            streamed(stream::unfold((ear, stopping), |(mut ear, stopping)| async move {
                let text = tokio::select! {
                    biased;
                    text = ear.next() => text?,
                    () = stopping.cancelled() => return None,
                };
                Some((text, (ear, stopping)))
            }))
        }
        Err(fault) => whole(visit.to(server).phrase(raw_id, &fault).await),
    }
}
