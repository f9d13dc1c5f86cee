//! For whom, from which session and to which server a message is carried.

use std::{ops::Deref, sync::Arc};

use http::{HeaderMap, HeaderValue};

use crate::{
    downstream::{Session, Standing, answers},
    era::{Level, results},
    hub::Hub,
    identity::Caller,
    isolation::Place,
    upstream::Fault,
};

/// A request of a client, before it is known to which server it goes.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) hub: Arc<Hub>,
    pub(crate) caller: Caller,
    pub(crate) session: Arc<Session>,
    /// What the client's request said in `Authorization`; nothing may be done with it but to drop it.
    pub(crate) authorization: Option<HeaderValue>,
    /// The headers in which a request of the stateless era repeats its arguments; none of any other.
    pub(crate) claims: Option<Arc<HeaderMap>>,
    /// From which level on such a request wants to be told log messages.
    pub(crate) log_level: Option<Level>,
}

/// A visit with a server to go to. Whatever works for it has a copy, so one costs no more than to be counted.
#[derive(Clone)]
pub(crate) struct Errand(Arc<Inner>);

/// What an errand says; its fields are read through the errand.
pub(crate) struct Inner {
    pub(crate) hub: Arc<Hub>,
    pub(crate) caller: Caller,
    pub(crate) session: Arc<Session>,
    pub(crate) server: Arc<str>,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) claims: Option<Arc<HeaderMap>>,
    log_level: Option<Level>,
}

impl Deref for Errand {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Visit {
    /// On the way to a server.
    pub(crate) fn to(&self, server: &Arc<str>) -> Errand {
        Errand(Arc::new(Inner {
            hub: self.hub.clone(),
            caller: self.caller.clone(),
            session: self.session.clone(),
            server: server.clone(),
            authorization: self.authorization.clone(),
            claims: self.claims.clone(),
            log_level: self.log_level,
        }))
    }

    /// Where this client's own request ids stand: on its route, whatever server they concern.
    pub(crate) fn place(&self) -> Place {
        self.session.place(self.hub.place(&self.caller, &self.session.route))
    }
}

impl Errand {
    /// On the hub's own account, for a session's owner: its closing, a cancel at a deadline.
    pub(crate) fn of_owner(hub: &Arc<Hub>, session: &Arc<Session>, server: &Arc<str>) -> Self {
        Self(Arc::new(Inner {
            hub: hub.clone(),
            caller: session.caller.clone(),
            session: session.clone(),
            server: server.clone(),
            authorization: None,
            claims: None,
            log_level: None,
        }))
    }

    /// The visit that it is part of.
    pub(super) fn visit(&self) -> Visit {
        Visit {
            hub: self.hub.clone(),
            caller: self.caller.clone(),
            session: self.session.clone(),
            authorization: self.authorization.clone(),
            claims: self.claims.clone(),
            log_level: self.log_level,
        }
    }

    /// What a request that the hub makes for its client says of itself: a `_meta`, where there are no sessions.
    pub(super) fn says(&self) -> String {
        match self.session.standing {
            Standing::Client => "{}".to_owned(), // It is put in with every request.
            Standing::Moment | Standing::Bridged => self.session.meta().written(),
        }
    }

    /// Where it stands among the tables.
    pub(crate) fn place(&self) -> Place {
        self.session.place(self.hub.place(&self.caller, &self.server))
    }

    /// A fault as the JSON-RPC response that a client is told. `id` is as the client wrote it.
    pub(crate) async fn phrase(&self, id: &str, fault: &Fault) -> String {
        let acting = self.hub.acting(&self.caller, &self.server).await.ok();
        let bearer = acting.and_then(|acting| acting.bearer);
        let text = answers::fault(&self.hub, &self.server, bearer.as_ref(), id, fault);
        match (self.session.standing, fault) {
            (Standing::Client, Fault::Lacks(_)) => results::for_stateful("", &text),
            _ => text,
        }
    }
}
