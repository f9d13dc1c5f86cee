//! `subscriptions/listen`: a client of the stateless era that listens, on the stream of its own request.

use futures_util::{StreamExt, stream};
use http::Response;

use super::{
    answers::Body,
    stateless::{streamed, whole},
};
use crate::{
    catalog::{self, Reach, Route},
    envelope::Message,
    relay::{self, Heard, Visit},
};

/// Begins to listen and answers with the stream, or with why there is none.
pub(super) async fn open(visit: &Visit, route: &Route, message: &Message<'_>) -> Response<Body> {
    let raw_id = message.raw_id().unwrap_or("null");
    let server = match &route.reach {
        Reach::Server(server) => server,
        Reach::Merged(servers) => {
            let told = catalog::listen(visit, servers, message).await;
            return streamed(told.take_until(over(visit)));
        }
    };
    let heard = match visit.towards(server).await {
        Ok(errand) => relay::subscribe(&errand, message).await,
        Err(fault) => Err(fault),
    };
    match heard {
        Ok(Heard::Refused(text)) => whole(text),
        Ok(Heard::Stream(ear)) => {
            let told = stream::unfold(ear, |mut ear| async move { Some((ear.next().await?, ear)) });
            streamed(told.take_until(over(visit)))
        }
        Err(fault) => whole(visit.to(server).phrase(raw_id, &fault).await),
    }
}

/// Resolves when nothing more is told to whoever listens, though they are still there: the hub stops, or their key was
/// taken away.
fn over(visit: &Visit) -> impl Future<Output = ()> + Send + use<> {
    let (stopping, session) = (visit.hub.stopping.clone(), visit.session.clone());
    Box::pin(async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = session.life.ended() => {}
        }
    })
}
