//! A client's request id while its request is in flight: refused a second time, and the way to cancel it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Errand, UpstreamSession, Visit};
use crate::{
    envelope::Id,
    isolation::{Held, Rule, Taken, table::RequestIds},
    upstream::Fault,
};

/// A request cannot be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its id is in flight in this session.
    DuplicateId,
    /// The session has too many calls in flight.
    TooMany,
    /// A header does not repeat what the body says.
    Mismatch(String),
    /// The state that it shows is not good here, or no longer.
    StaleState,
    /// The task that it names is not known here to whoever asks, or no longer.
    UnknownTask,
    /// It asks for a task, and does not declare that its client can follow one.
    FollowsNoTasks,
    /// In the era of the server there is no such method.
    NoMethod,
    /// Nothing could be sent.
    Fault(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What a client's id stands for.
#[derive(Clone)]
pub(crate) struct Claimed {
    /// Ends it here.
    pub(super) canceled: CancellationToken,
    /// What is running upstream; `None` for a merged list, which is not worth canceling there.
    pub(super) target: Option<Target>,
}

/// One call upstream.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) errand: Errand,
    pub(super) upstream: Arc<UpstreamSession>,
    pub(super) wire: u64,
}

/// A client's id, claimed until this is dropped; then it may be used again.
pub(crate) struct Claim {
    /// Resolves when the client cancels.
    pub(crate) canceled: CancellationToken,
    _held: Held<RequestIds, Claimed>,
}

impl Claim {
    /// Claims an id, unless it is in flight in this session already.
    pub(super) async fn new(visit: &Visit, id: Id, target: Option<Target>) -> Result<Self, Refused> {
        let (hub, place) = (&visit.hub, visit.place());
        let canceled = CancellationToken::new();
        let claimed = Claimed { canceled: canceled.clone(), target };
        let held = hub.request_ids.try_hold(&place, id.clone(), claimed.clone()).await.map_err(Fault::from)?;
        let held = match held {
            Ok(held) => held,
            Err(Taken) if hub.isolation.keeps(Rule::RefuseDuplicateId) => return Err(Refused::DuplicateId),
            Err(Taken) => hub.request_ids.hold(&place, id, claimed).await.map_err(Fault::from)?,
        };
        Ok(Self { canceled, _held: held })
    }

    /// Claims an id for something that is not one call upstream.
    pub(crate) async fn of_list(visit: &Visit, id: Id) -> Result<Self, Refused> {
        Self::new(visit, id, None).await
    }
}
