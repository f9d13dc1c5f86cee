//! Counting in the upstreams' ledgers: sessions opened and closed, cancels that hit a call.

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

/// How many `notifications/cancelled` reached an upstream for the request that `call` became there:
/// the same upstream, the same session, the request's id as that upstream saw it.
pub fn cancels_of(index: &Index<'_>, call: Exchange) -> u64 {
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
    hits.sum()
}

/// How many cancels of any kind an upstream has seen.
pub fn cancels_seen(events: &[Event], upstream: &str) -> usize {
    let seen = events.iter().filter(|event| match event {
        Event::Upstream(Entry::Request { upstream: at, body, .. }) => {
            at == upstream && body.contains("notifications/cancelled")
        }
        _ => false,
    });
    seen.count()
}

fn field(body: &str, pointer: &str) -> Option<Value> {
    serde_json::from_str::<Value>(body).ok()?.pointer(pointer).cloned()
}
