//! Event streams to clients: of a call that has more to say than its answer, and of a client that listens.
//!
//! Every event has an id, `stream-number`, both counted in the session; by it a client whose connection broke asks for
//! the rest with `Last-Event-ID`. An id means something in its own session only. Where it means nothing (foreign,
//! invented, or too long ago) the client gets a plain listening stream and nothing of anybody's.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    answers::{self, Body},
    stateful::{Checked, Refusal, in_session},
};
use crate::{
    catalog::Reach,
    envelope::sse,
    isolation::{Backlog, Barred, Busy, Listening, Reader, Rule},
    relay::{self, LISTENING, Step, Visit},
    upstream::{Fault, headers::LAST_EVENT},
};

/// Streams of calls that a session may come back to; older ones are forgotten.
const KEPT: u64 = 8;
/// A comment after so long a silence, so that nobody in between takes the connection for dead.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The event stream of a call, or of a batch of them. A first step may be known already.
pub(super) async fn of_call(visit: &Visit, first: Option<Step>, rest: mpsc::Receiver<Step>) -> Response<Body> {
    let (hub, place) = (&visit.hub, visit.place());
    let number = visit.session.streams.next();
    let stream = Backlog::new(number);
    let reader = stream.take_over();
    let registered = async {
        hub.replay_events.insert(&place, number, stream.clone()).await?;
        match number.checked_sub(KEPT) {
            Some(old) if old != LISTENING => hub.replay_events.remove(&place, &old).await.map(drop),
            _ => Ok(()),
        }
    };
    match registered.await {
        Ok(()) | Err(Barred::Ended) => {} // Who is still there reads on; nobody can come back to it.
        Err(error) => tracing::error!(%error, "keeping a stream"),
    }
    tokio::spawn(write_down(stream, first, rest, hub.config.limits.call_timeout));
    body(reader, CancellationToken::new(), None)
}

/// Takes everything down that a call has to say, whether its client is still there or not.
async fn write_down(stream: Arc<Backlog>, first: Option<Step>, mut rest: mpsc::Receiver<Step>, patience: Duration) {
    let mut next = first;
    loop {
        let Some(step) = (match next.take() {
            Some(first) => Some(first),
            None => rest.recv().await,
        }) else {
            return stream.end();
        };
        match step {
            Step::Away(pause) => stream.send_away(pause),
            Step::Notification(text) | Step::Answer { text, .. } | Step::Failed { text, .. } => {
                stream.push(text, patience).await;
            }
        }
    }
}

/// GET: listens, or goes on with what a broken connection cut short.
pub(super) async fn get(request: &Checked) -> Result<Response<Body>, Refusal> {
    let session = in_session(request).await?;
    let visit = request.visit(&session);
    let seen = request.headers.get(LAST_EVENT).and_then(|id| read_id(id.to_str().ok()?));
    let seen = seen.filter(|_| request.hub.isolation.keeps(Rule::GoOnWhereItStopped));
    match listening(request, &visit, seen).await {
        Ok(response) => Ok(response),
        Err(Fault::Status(405)) => Ok(answers::method_not_allowed()),
        Err(Fault::SessionEnded) => Err(Box::new(answers::unknown_session())),
        Err(fault) => Ok(answers::no_stream(&visit, &request.route.name, &fault).await),
    }
}

async fn listening(request: &Checked, visit: &Visit, seen: Option<(u64, u64)>) -> Result<Response<Body>, Fault> {
    let (hub, place) = (&visit.hub, visit.place());
    if let Some((number, event)) = seen.filter(|(number, _)| *number != LISTENING)
        && let Some(stream) = hub.replay_events.get(&place, &number).await?
    {
        return Ok(body(stream.read_after(event), CancellationToken::new(), None));
    }
    let Reach::Server(server) = &request.route.reach else { return Err(Fault::Status(405)) };
    let stream = hub.replay_events.get_or_insert_with(&place, LISTENING, || Backlog::new(LISTENING)).await?;
    let reader = match seen.filter(|(number, _)| *number == LISTENING) {
        Some((_, event)) => stream.read_after(event),
        None if hub.isolation.keeps(Rule::OneListeningStream) => match stream.read() {
            Ok(reader) => reader,
            Err(Busy) => return Ok(answers::listening_already()),
        },
        None => stream.take_over(),
    };
    if stream.begin_to_feed()
        && let Err(fault) = relay::listen(&visit.to(server), &stream).await
    {
        stream.starve();
        return Err(fault);
    }
    Ok(body(reader, hub.stopping.clone(), Some(visit.session.activity.listen())))
}

/// `stream-number`.
fn read_id(id: &str) -> Option<(u64, u64)> {
    let (stream, number) = id.split_once('-')?;
    Some((stream.parse().ok()?, number.parse().ok()?))
}

/// The response that a reader writes, until the stream ends, its client goes away, or `stop`.
fn body(reader: Reader, stop: CancellationToken, listening: Option<Listening>) -> Response<Body> {
    let events = stream::unfold((reader, stop, listening), |(mut reader, stop, listening)| async move {
        let text = tokio::select! {
            biased;
            said = reader.next() => match said {
                Some(said) => sse::event_with_id(&format!("{}-{}", reader.stream(), said.number), &said.text),
                None => {
                    let (pause, knows_an_event) = reader.sent_away()?;
                    let before_all = format!("{}-0", reader.stream());
                    sse::farewell((!knows_an_event).then_some(&before_all), pause)
                }
            },
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(KEEP_ALIVE) => ":\n\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(text))), (reader, stop, listening)))
    });
    answers::event_stream(StatusCode::OK, StreamBody::new(events).boxed_unsync())
}
