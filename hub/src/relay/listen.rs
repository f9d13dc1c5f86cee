//! What an upstream tells a session outside of any answer: one stream, opened when the client first listens and kept
//! until the session ends.
//!
//! A client that stops listening and comes back finds what came meanwhile, as far as it is kept. An upstream that ends
//! its stream is asked for it again, a few times, with the last event id that it gave.

use std::{sync::Arc, time::Duration};

use super::{Errand, UpstreamSession, ask, cache, call, listen_on, tell, upstream_session};
use crate::{
    downstream::Standing,
    envelope::{self, Kind, Message},
    era::Era,
    isolation::{Backlog, Rule},
    upstream::{Fault, frames::Frames},
};

/// The number of the listening stream in its session. Those of calls are counted from 1.
pub(crate) const LISTENING: u64 = 0;
/// How often in a row a stream that was lost is asked for again; after that the client has to.
pub(super) const TRIES: u32 = 5;
/// The pause before the first of them. Each is twice as long as the one before.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Opens the upstream's stream and feeds the client's with it until the session ends.
pub(crate) async fn listen(errand: &Errand, stream: &Arc<Backlog>) -> Result<(), Fault> {
    let opening = async {
        let upstream = upstream_session::of(errand).await?;
        if upstream.era == Era::Stateless {
            return Ok((upstream, None));
        }
        match errand.listen(&upstream, None).await {
            Ok(frames) => Ok((upstream, Some(frames))),
            Err(fault) => {
                upstream_session::lost(errand, &upstream, &fault).await;
                Err(fault)
            }
        }
    };
    let limit = errand.hub.config.limits.call_timeout;
    let (upstream, frames) = tokio::time::timeout(limit, opening).await.map_err(|_| Fault::TimedOut)??;
    let listener = Listener { errand: errand.clone(), upstream };
    let Some(frames) = frames else { return listen_on::begin(listener, stream).await };
    let (stream, session) = (stream.clone(), errand.session.clone());
    let ends = errand.hub.isolation.keeps(Rule::EndStreamsWithSession);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = session.life.ended(), if ends => {}
            () = listener.keep(frames) => {}
        }
        stream.starve();
    });
    Ok(())
}

/// One session's ear at its upstream.
pub(super) struct Listener {
    pub(super) errand: Errand,
    pub(super) upstream: Arc<UpstreamSession>,
}

impl Listener {
    /// Reads until the stream is lost for good.
    async fn keep(self, mut frames: Frames) {
        let mut tries = 0;
        let mut last = None;
        loop {
            match self.hear(&mut frames).await {
                Ok(0) => {}
                Ok(_) => tries = 0,
                // Its client comes back, or sends something, and then there is another.
                Err(Fault::Died) => return upstream_session::died(&self.errand, &self.upstream).await,
                Err(fault) => tracing::debug!(server = %self.upstream.server, %fault, "a listening stream broke"),
            }
            last = frames.last_id().or(last);
            frames = loop {
                if tries == TRIES {
                    return;
                }
                tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                tries += 1;
                match self.errand.listen_again(&self.upstream, last.as_deref()).await {
                    Ok(frames) => break frames,
                    Err(Fault::SessionLost) => {
                        return upstream_session::forgotten(&self.errand, &self.upstream).await;
                    }
                    Err(Fault::Status(405)) => return,
                    Err(fault) => tracing::debug!(server = %self.upstream.server, %fault, "listening again"),
                }
            };
        }
    }

    /// Reads one stream to its end: how many messages it had.
    async fn hear(&self, frames: &mut Frames) -> Result<usize, Fault> {
        let mut heard = 0;
        while let Some(frame) = frames.next().await? {
            for text in envelope::messages(frame) {
                heard += 1;
                self.dispatch(text).await?;
            }
        }
        Ok(heard)
    }

    async fn dispatch(&self, text: String) -> Result<(), Fault> {
        let message = Message::read(&text).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
        match &message.kind {
            Kind::Response { .. } => Ok(()), // Answers come on the streams of their calls.
            Kind::Notification { method } if method == "notifications/progress" => {
                call::progress_from_elsewhere(&self.errand, &message).await
            }
            Kind::Notification { method } if method == "notifications/cancelled" => {
                match ask::take_back(&self.errand, &self.upstream, &message).await? {
                    Some(told) => self.tell(told).await,
                    None => Ok(()),
                }
            }
            Kind::Notification { method } => {
                cache::forget_what_changed(&self.errand, method);
                match self.errand.session.standing {
                    Standing::Bridged => tell::tell(&self.errand, method, &text).await,
                    Standing::Client | Standing::Moment => self.tell(text).await,
                }
            }
            Kind::Request { method, .. } if self.errand.session.standing == Standing::Bridged && method != "ping" => {
                // Nobody in particular is concerned, so nobody is asked.
                ask::refuse(&self.errand, &self.upstream, &message, -32601, "nobody can be asked outside of a call");
                Ok(())
            }
            Kind::Request { method, .. } => match ask::ask(&self.errand, &self.upstream, &message, method).await? {
                Some(shown) => self.tell(shown.left_open()).await,
                None => Ok(()),
            },
        }
    }

    /// Puts a message on the session's stream.
    pub(super) async fn tell(&self, text: String) -> Result<(), Fault> {
        let hub = &self.errand.hub;
        let patience = hub.config.limits.call_timeout;
        let _turn = match hub.isolation.keeps(Rule::SlowReaderHarmsItself) {
            true => None,
            false => hub.turnstile.acquire().await.ok(),
        };
        if !hub.isolation.keeps(Rule::TellWhomItConcerns) {
            for stream in hub.replay_events.everything() {
                if stream.number() == LISTENING {
                    stream.push(text.clone(), patience).await;
                }
            }
            return Ok(());
        }
        if let Some(stream) = hub.replay_events.get(&self.errand.visit().place(), &LISTENING).await? {
            stream.push(text, patience).await;
        }
        Ok(())
    }
}
