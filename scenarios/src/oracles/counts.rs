//! Counting in the upstreams' ledgers: sessions opened and closed, cancels that hit a call.
//!
//! In the stateless era a cancel is no message: the upstream sees that its answer is no longer read.

use fake_upstreams::{Entry, SessionChange};
use serde_json::Value;

use crate::trace::{Event, Exchange, Index};

/// How many sessions an upstream has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sessions {
    /// Opened since the run began.
    pub opened: u64,
    /// Not closed yet.
    pub open: u64,
}

/// The census of one upstream up to event `until` (the whole trace where `None`).
pub fn sessions(index: &Index<'_>, upstream: &str, until: Option<usize>) -> Sessions {
    census(&index.events[..until.unwrap_or(index.events.len())], upstream)
}

/// The census of one upstream over these events.
pub fn census(events: &[Event], upstream: &str) -> Sessions {
    let mut seen = Sessions::default();
    for event in events {
        let Event::Upstream(Entry::Session { upstream: at, change, .. }) = event else { continue };
        if at != upstream {
            continue;
        }
        match change {
            SessionChange::Opened => {
                seen.opened += 1;
                seen.open += 1;
            }
            SessionChange::Closed => seen.open = seen.open.saturating_sub(1),
        }
    }
    seen
}

/// How many cancels reached an upstream for the request that `call` became there: `notifications/cancelled` at the same
/// upstream, in the same session, with the request's id as that upstream saw it; or a response that was closed unread.
pub fn cancels_of(index: &Index<'_>, call: Exchange) -> u64 {
    let closed = index.events.iter().filter(|event| match event {
        Event::Upstream(Entry::Canceled { upstream, exchange }) => {
            index.arrivals_of(call).any(|arrival| arrival.upstream == upstream && arrival.exchange == *exchange)
        }
        _ => false,
    });
    let hits = index.arrivals_of(call).filter_map(|arrival| {
        let id = field(arrival.body, "/id")?;
        let cancels = index.arrivals.values().filter(|other| {
            other.upstream == arrival.upstream
                && other.session == arrival.session
                && field(other.body, "/method").as_ref().and_then(Value::as_str) == Some("notifications/cancelled")
                && field(other.body, "/params/requestId").as_ref() == Some(&id)
        });
        Some(cancels.count() as u64)
    });
    hits.sum::<u64>() + closed.count() as u64
}

/// How many cancels of any kind an upstream has seen.
pub fn cancels_seen(events: &[Event], upstream: &str) -> usize {
    let seen = events.iter().filter(|event| match event {
        Event::Upstream(Entry::Request { upstream: at, body, .. }) => {
            at == upstream && body.contains("notifications/cancelled")
        }
        Event::Upstream(Entry::Canceled { upstream: at, .. }) => at == upstream,
        _ => false,
    });
    seen.count()
}

fn field(body: &str, pointer: &str) -> Option<Value> {
    serde_json::from_str::<Value>(body).ok()?.pointer(pointer).cloned()
}
