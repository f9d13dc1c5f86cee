//! The hub: its configuration, its tables, and what all layers ask of it.

use std::{fmt, mem, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use sha2::Sha256;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    catalog::Owner,
    config::{Config, Credentials, People, Secret, Server},
    downstream::Session,
    environment::Environment,
    era::{Era, Level as LogLevel},
    identity::Caller,
    isolation::{
        Account, Backlog, Barred, Current, Isolation, Place, Rule, Scoped, Serial, Slots,
        table::{
            BridgedSessions, ChildProcesses, InFlight, ListCache, LogLevels, ProgressTokens, PublicCache, ReadCache,
            ReplayEvents, RequestIds, RequestSlots, RequestStates, ResourceOwners, ResourceSubscriptions,
            ReverseRequests, SessionSlots, Sessions, Subscriptions, Tasks, ToolHeaders, UpstreamCredentials,
            UpstreamEras, UpstreamListens, UpstreamSessions, UpstreamSlots,
        },
    },
    relay::{
        Addressee, Claimed, Kept, Listener, Outstanding, Progress, Question, Renew, Repeated, Task, UpstreamSession,
    },
    sealer::Sealer,
    upstream::{Client, Fault, stdio::Child},
};

/// A hub, ready to be served.
pub struct Hub {
    /// Without its people, who change.
    pub(crate) config: Config,
    pub(crate) people: Current<People>,
    /// Lets one change of them through at a time.
    pub(crate) changes: Semaphore,
    pub(crate) environment: Environment,
    pub(crate) isolation: Isolation,
    pub(crate) client: Client,
    pub(crate) sessions: Scoped<Sessions, Arc<Session>>,
    pub(crate) upstream_sessions: Scoped<UpstreamSessions, Arc<UpstreamSession>, Fault>,
    pub(crate) in_flight: Scoped<InFlight, Addressee>,
    pub(crate) request_ids: Scoped<RequestIds, Claimed>,
    pub(crate) progress_tokens: Scoped<ProgressTokens, Progress>,
    pub(crate) reverse_requests: Scoped<ReverseRequests, Question>,
    pub(crate) replay_events: Scoped<ReplayEvents, Arc<Backlog>>,
    pub(crate) resource_owners: Scoped<ResourceOwners, Owner>,
    pub(crate) list_cache: Scoped<ListCache, Kept>,
    pub(crate) read_cache: Scoped<ReadCache, Kept>,
    pub(crate) public_cache: Scoped<PublicCache, Kept>,
    pub(crate) request_states: Scoped<RequestStates, Outstanding>,
    pub(crate) tasks: Scoped<Tasks, Task>,
    pub(crate) bridged_sessions: Scoped<BridgedSessions, Arc<Session>>,
    pub(crate) child_processes: Scoped<ChildProcesses, Arc<Child>, Fault>,
    pub(crate) subscriptions: Scoped<Subscriptions, Listener>,
    pub(crate) log_levels: Scoped<LogLevels, LogLevel>,
    pub(crate) resource_subscriptions: Scoped<ResourceSubscriptions, Arc<str>>,
    pub(crate) upstream_listens: Scoped<UpstreamListens, mpsc::Sender<Renew>>,
    pub(crate) tool_headers: Scoped<ToolHeaders, Repeated>,
    pub(crate) upstream_eras: Scoped<UpstreamEras, Era, Fault>,
    pub(crate) session_slots: Scoped<SessionSlots, Slots>,
    pub(crate) request_slots: Scoped<RequestSlots, Slots>,
    pub(crate) upstream_slots: Scoped<UpstreamSlots, Slots>,
    pub(crate) upstream_credentials: Scoped<UpstreamCredentials, Acting>,
    /// Numbers calls over the whole process, for the log and as the narrowest scope.
    pub(crate) calls: Serial,
    /// Numbers sessions; only ever shown while `unguessable-session-ids` is switched off.
    session_numbers: Serial,
    /// Lets one call through at a time while `calls-run-side-by-side` is switched off, and one message to a listener while
    /// `slow-reader-harms-itself` is.
    pub(crate) turnstile: Arc<Semaphore>,
    /// Told when the hub is to stop: listening streams end at once, since they would never end by themselves.
    pub(crate) stopping: CancellationToken,
    /// What keeps child processes; waited for at the hub's end, so that none outlives it.
    pub(crate) children: TaskTracker,
    /// Seals the cursors of merged lists and the states of requests that take several rounds.
    pub(crate) sealer: Sealer,
    /// Hashes what stands in `User-Session-Id`; it has its key already.
    namer: Hmac<Sha256>,
}

/// Whom the hub acts as at a server.
#[derive(Debug, Clone)]
pub(crate) struct Acting {
    /// The bearer token, where one is sent.
    pub(crate) bearer: Option<Secret>,
    /// The same as it is sent.
    pub(crate) authorization: Option<HeaderValue>,
    linked: bool,
}

impl Acting {
    /// As whoever has this token; without one, as nobody, if that is allowed.
    fn with(bearer: Option<Secret>, nobody: bool) -> Self {
        let authorization = bearer.as_ref().and_then(Secret::authorization);
        Self { linked: nobody || authorization.is_some(), bearer, authorization }
    }
}

/// A hub cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The environment gave no randomness.
    #[error("no randomness: {0}")]
    Random(#[source] std::io::Error),
    /// A hub with a defect listens on loopback and nowhere else.
    #[error("a hub with a deliberate defect listens on loopback addresses only, not on {0}")]
    DefectInPublic(std::net::SocketAddr),
}

impl Hub {
    /// A strict hub.
    ///
    /// # Errors
    /// [`HubError::Random`].
    pub fn new(config: Config, environment: Environment) -> Result<Arc<Self>, HubError> {
        Self::build(config, environment, Isolation::STRICT)
    }

    /// A hub with a deliberate defect.
    ///
    /// # Errors
    /// [`HubError`].
    #[cfg(feature = "defects")]
    pub fn with_isolation(
        config: Config,
        environment: Environment,
        isolation: Isolation,
    ) -> Result<Arc<Self>, HubError> {
        Self::build(config, environment, isolation)
    }

    fn build(mut config: Config, environment: Environment, isolation: Isolation) -> Result<Arc<Self>, HubError> {
        if !isolation.is_strict() {
            if !config.listen.ip().is_loopback() {
                return Err(HubError::DefectInPublic(config.listen));
            }
            tracing::warn!(?isolation, "this hub has a deliberate defect and must not serve anybody");
        }
        let mut pepper = [0; 32];
        environment.random.fill(&mut pepper).map_err(HubError::Random)?;
        let sealer = Sealer::new(environment.random.as_ref()).map_err(HubError::Random)?;
        Ok(Arc::new(Self {
            people: Current::new(mem::take(&mut config.people)),
            changes: Semaphore::new(1),
            sealer,
            client: Client::new(environment.connector.clone(), config.limits.connect_timeout),
            sessions: Scoped::new(&isolation),
            upstream_sessions: Scoped::new(&isolation),
            in_flight: Scoped::new(&isolation),
            request_ids: Scoped::new(&isolation),
            progress_tokens: Scoped::new(&isolation),
            reverse_requests: Scoped::new(&isolation),
            replay_events: Scoped::new(&isolation),
            resource_owners: Scoped::new(&isolation),
            list_cache: Scoped::new(&isolation),
            read_cache: Scoped::new(&isolation),
            public_cache: Scoped::new(&isolation),
            request_states: Scoped::new(&isolation),
            tasks: Scoped::new(&isolation),
            bridged_sessions: Scoped::new(&isolation),
            child_processes: Scoped::new(&isolation),
            subscriptions: Scoped::new(&isolation),
            log_levels: Scoped::new(&isolation),
            resource_subscriptions: Scoped::new(&isolation),
            upstream_listens: Scoped::new(&isolation),
            tool_headers: Scoped::new(&isolation),
            upstream_eras: Scoped::new(&isolation),
            session_slots: Scoped::new(&isolation),
            request_slots: Scoped::new(&isolation),
            upstream_slots: Scoped::new(&isolation),
            upstream_credentials: Scoped::new(&isolation),
            calls: Serial::default(),
            session_numbers: Serial::default(),
            turnstile: Arc::new(Semaphore::new(1)),
            stopping: CancellationToken::new(),
            children: TaskTracker::new(),
            namer: Hmac::new_from_slice(&pepper).expect("HMAC takes a key of any length"),
            config,
            environment,
            isolation,
        }))
    }

    /// A server. Routes are checked before anything is carried, so it is there.
    pub(crate) fn server(&self, name: &str) -> Result<&Server, Fault> {
        self.config.servers.get(name).ok_or_else(|| Fault::Internal { detail: format!("no server {name}") })
    }

    /// Where a caller stands at a server, or on a route of several, which is nobody's account anywhere.
    pub(crate) fn place(&self, caller: &Caller, server_or_route: &Arc<str>) -> Place {
        let account = match self.config.servers.get(server_or_route).map(|server| server.credentials) {
            Some(Credentials::Shared) => Account::Hubs,
            Some(Credentials::PerUser) => Account::Callers,
            Some(Credentials::None) | None => Account::Nobodys,
        };
        Place::of(caller).towards(server_or_route, account)
    }

    /// Whom the hub acts as for a caller.
    pub(crate) async fn acting(&self, caller: &Caller, route: &Arc<str>) -> Result<Acting, Fault> {
        let place = self.place(caller, route);
        let configured = || self.configured(caller, route);
        let acting = match self.upstream_credentials.get_or_insert_with(&place, route.clone(), configured).await {
            Err(Barred::Ended) => configured(), // To end what was begun as them.
            found => found?,
        };
        if acting.linked { Ok(acting) } else { Err(Fault::NotLinked) }
    }

    fn configured(&self, caller: &Caller, route: &str) -> Acting {
        let Some(server) = self.config.servers.get(route) else { return Acting::with(None, false) };
        match server.credentials {
            Credentials::None => Acting::with(None, true),
            Credentials::Shared => Acting::with(server.service_credential.clone(), false),
            Credentials::PerUser => {
                let own = caller.user.credentials.get(route).cloned();
                let lent =
                    server.service_credential.clone().filter(|_| !self.isolation.keeps(Rule::NoFallbackCredential));
                Acting::with(own.or(lent), false)
            }
        }
    }

    /// A session id: 256 random bits.
    pub(crate) fn mint_session_id(&self) -> Result<String, Fault> {
        if !self.isolation.keeps(Rule::UnguessableSessionIds) {
            return Ok(format!("session-{}", self.session_numbers.next()));
        }
        self.random_text::<32>()
    }

    /// 128 random bits, as text.
    pub(crate) fn mint_number(&self) -> Result<String, Fault> {
        self.random_text::<16>()
    }

    /// So many random bytes, as text that fits into a header and a URI.
    fn random_text<const BYTES: usize>(&self) -> Result<String, Fault> {
        let mut bytes = [0; BYTES];
        let failed = |error: std::io::Error| Fault::Internal { detail: format!("no randomness: {error}") };
        self.environment.random.fill(&mut bytes).map_err(failed)?;
        Ok(base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes))
    }

    /// The name of a session upstream: the same for all its requests, unlike any other, and not its id.
    pub(crate) fn session_name(&self, principal: &str, id: &str) -> String {
        let mut mac = self.namer.clone();
        mac.update(id.as_bytes());
        let hash = mac.finalize().into_bytes();
        let short = hash.iter().take(8).flat_map(|byte| [byte >> 4, byte & 15]);
        let short: String = short.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        format!("{principal}-{short}")
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("isolation", &self.isolation).finish_non_exhaustive()
    }
}
