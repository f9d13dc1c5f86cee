//! The stream of a call that ended before its answer had come, and was not lost by that.
//!
//! A server of the stateful era may close the stream of a call that takes long, and a connection may break. Where the
//! events of the stream have ids, the rest is to be had with a GET that names the last of them: the call runs once all the
//! same, since a GET runs nothing. The id is given back in the session in which it was given, and nowhere else.

use std::time::Duration;

use super::{
    Errand, UpstreamSession,
    listen::{PAUSE, TRIES},
};
use crate::{
    downstream::{Greeting, Standing},
    era::Era,
    upstream::{Fault, frames::Frames},
};

/// The revision in which a server may send its client away, and a client knows to come back.
const POLLING: &str = "2025-11-25";
/// An upstream that wants to be asked again at once is asked after so long all the same.
const SHORTEST: Duration = Duration::from_millis(100);

/// How far the stream of a call has come, over all its parts.
#[derive(Debug, Default)]
pub(super) struct Resumption {
    /// The last event that had an id.
    last: Option<String>,
    /// How often in a row it was asked for in vain.
    tries: u32,
}

impl Resumption {
    /// Whether a stream that has ended can be gone on with, and after what pause.
    pub(super) fn after(&mut self, upstream: &UpstreamSession, ended: &Frames) -> Option<Duration> {
        if upstream.era != Era::Stateful || !ended.streams() {
            return None;
        }
        let last = ended.last_id();
        if last.is_some() && last != self.last {
            (self.last, self.tries) = (last, 0);
        }
        self.last.as_ref()?;
        let usual = PAUSE * 2_u32.pow(self.tries);
        self.again(ended.retry().map_or(usual, |asked| asked.max(SHORTEST)))
    }

    /// Counts one more try, while there may be one.
    fn again(&mut self, pause: Duration) -> Option<Duration> {
        self.tries += 1;
        (self.tries <= TRIES).then_some(pause)
    }

    /// The rest of the stream; otherwise after what pause to ask again, or why not to.
    pub(super) async fn ask(
        &mut self,
        errand: &Errand,
        upstream: &UpstreamSession,
    ) -> Result<Result<Frames, Duration>, Fault> {
        match errand.listen_again(upstream, self.last.as_deref()).await {
            Ok(frames) => Ok(Ok(frames)),
            Err(fault @ (Fault::Unreachable { .. } | Fault::Cut { .. } | Fault::Status(500..))) => {
                tracing::debug!(server = %upstream.server, %fault, "going on with the stream of a call");
                self.again(PAUSE * 2_u32.pow(self.tries)).map(Err).ok_or(fault)
            }
            // It gave an id that it does not take back.
            Err(Fault::Status(_) | Fault::Garbage { .. }) => Err(Fault::NoAnswer),
            Err(fault) => Err(fault),
        }
    }
}

/// Whether the client is sent away as the hub was: it speaks the revision in which that is foreseen, with this server.
pub(super) fn sends_away(errand: &Errand, upstream: &UpstreamSession, ended: &Frames) -> bool {
    let same = errand.session.standing == Standing::Client && errand.session.greeting == Greeting::OfTheClient;
    same && upstream.revision == POLLING && ended.retry().is_some()
}
