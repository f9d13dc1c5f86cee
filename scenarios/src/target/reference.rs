//! The hub of this repository as a target: the one file of the suite that names it.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use fake_upstreams::{inprocess::Network, mark::seeded, stdio};
use hub::{
    Config, Environment, Hub, Isolation,
    environment::{Clock, Connect, Connecting, Random, stream},
    launcher::{Exit, Launch, Launched, Process, Program},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Promises, Provision, Running, children};
use crate::{
    engine::{
        cast,
        client::{Endpoint, Wire},
    },
    scenario::{grammar, model::CredentialMode},
    trace::facts::{Answers, Facts, IdentityHeaders, Logs, Refusals, Sharing},
};

pub use hub::isolation::{Defect, UnknownIsolation};

/// The name under which the hub listens in-process.
const HOST: &str = "hub";
/// A virtual run begins at this second of the wall clock, so that every run is the same.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// The reference hub, strict or with a defect.
#[derive(Debug, Clone)]
pub struct Reference {
    isolation: Isolation,
    title: String,
}

/// Every defect that the reference hub can be given.
pub fn defects() -> Vec<Defect> {
    Isolation::defects()
}

impl Reference {
    /// The hub with this preset or defect; strict without one.
    ///
    /// # Errors
    /// [`UnknownIsolation`] with the nearest names.
    pub fn new(isolation: Option<&str>) -> Result<Self, UnknownIsolation> {
        let title = format!("reference hub, {}", isolation.unwrap_or("strict"));
        Ok(Self { isolation: isolation.map_or(Ok(Isolation::STRICT), Isolation::from_name)?, title })
    }

    /// The hub without a defect.
    pub fn strict() -> Self {
        Self { isolation: Isolation::STRICT, title: "reference hub, strict".to_owned() }
    }

    /// What a report calls it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// It promises everything.
    pub fn promises(&self) -> Promises {
        Promises {
            sharing: Sharing::PerSession,
            identity_headers: IdentityHeaders::Promised,
            refusals: Refusals::Identical,
            logs: Logs::Promised,
            answers: Answers::Verbatim,
            naming: "{upstream}__{name}".to_owned(),
            server: None,
        }
    }

    /// Starts it for one cell; it ends with the cell's runtime.
    ///
    /// # Errors
    /// What it said against its configuration, or why it could not listen.
    pub async fn start(&self, provision: &Provision<'_>) -> Result<Running, String> {
        let config = config(provision)?;
        let isolation = self.isolation.clone().with_yields(provision.seed);
        let (ending, ended) = oneshot::channel::<()>();
        let until_ended = async {
            if ended.await.is_err() {
                std::future::pending::<()>().await; // Nobody will ever end it: it goes with the cell's runtime.
            }
        };
        let (authority, hub) = match provision.wire {
            Wire::InProcess(network) => {
                let hub = build(config, in_process(network, provision), isolation)?;
                let host = format!("{HOST}-{}", provision.starts);
                hub::serve(network.listen(&host).map_err(|error| error.to_string())?, hub.clone(), until_ended);
                (host, hub)
            }
            Wire::Tcp => {
                let environment = Environment { variables: variables(provision), ..Environment::system() };
                let hub = build(config, environment, isolation)?;
                let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
                let address = listener.local_addr().map_err(|error| error.to_string())?;
                hub::serve(listener, hub.clone(), until_ended);
                (address.to_string(), hub)
            }
        };
        let endpoint = |path: String| Endpoint::at(provision.wire, &authority, &path);
        let routes = provision.upstreams.keys().chain(provision.facts.scenario.groups.keys());
        let routes = routes.map(|name| (name.clone(), endpoint(format!("/mcp/{name}"))));
        let endpoints = routes.chain([(grammar::ALL.to_owned(), endpoint("/mcp".to_owned()))]).collect();
        Ok(Running { endpoints, ending: Some(ending), desk: Some(Desk(hub)), ..Running::default() })
    }
}

fn build(config: Config, environment: Environment, isolation: Isolation) -> Result<Arc<Hub>, String> {
    Hub::with_isolation(config, environment, isolation).map_err(|error| error.to_string())
}

/// Where the operator of a hub that runs in this process says who may come.
#[derive(Debug, Clone)]
pub struct Desk(Arc<Hub>);

impl Desk {
    /// From now on those may come who have a key in these facts.
    ///
    /// # Errors
    /// What the hub said against its configuration.
    pub async fn change_people(&self, left: &Provision<'_>) -> Result<(), String> {
        let changes = self.0.change_people(config(left)?).await;
        match changes.not_yet.is_empty() {
            true => Ok(()),
            false => Err(changes.to_string()),
        }
    }
}

fn config(provision: &Provision<'_>) -> Result<Config, String> {
    Config::from_yaml(&configuration(provision)?.to_string(), "the cell's configuration").map_err(|e| e.to_string())
}

/// The hub's configuration for a cell. JSON is YAML.
fn configuration(provision: &Provision<'_>) -> Result<Value, String> {
    let facts = provision.facts;
    let mode = match facts.credentials {
        CredentialMode::PerUser => "per-user",
        CredentialMode::Shared => "shared",
        CredentialMode::None => "none",
    };
    let servers = provision.upstreams.iter().map(|(name, authority)| {
        let mut server = json!({ "credentials": mode, "era": era(facts, name) });
        match children::command(provision, name)? {
            Some(command) => {
                server["command"] = command;
                server["credential-env"] = (mode != "none").then_some(stdio::CREDENTIAL).into();
            }
            None => {
                server["url"] = format!("http://{authority}/mcp").into();
                server["identity-headers"] = "on".into();
            }
        }
        if let Some(token) = facts.service_tokens.get(name) {
            server["service-credential"] = json!({ "bearer": token });
        }
        if let Some(time) = facts.scenario.limits.cache {
            server["cache"] = format!("{}ms", time.as_millis()).into();
        }
        if let Some(time) = facts.scenario.limits.cache_hints {
            server["cache-hints"] = format!("{}ms", time.as_millis()).into();
            server["cache-public"] = if facts.scenario.limits.cache_public { "shared" } else { "own" }.into();
        }
        Ok((name.clone(), server))
    });
    let servers: serde_json::Map<_, _> = servers.collect::<Result<_, String>>()?;
    let with_keys = facts.scenario.users.keys().filter(|user| !keys(provision, user).is_empty());
    let users = with_keys.map(|user| {
        let tokens = facts.tokens.get(user).into_iter().flatten();
        let credentials: serde_json::Map<String, Value> =
            tokens.map(|(upstream, token)| (upstream.clone(), json!({ "bearer": token }))).collect();
        let mut written = json!({ "keys": keys(provision, user), "credentials": credentials });
        if let Some(person) = facts.scenario.users.get(user) {
            written["tools"] = json!(person.tools);
            if let Some(servers) = &person.servers {
                written["servers"] = json!(servers);
            }
        }
        (user.clone(), written)
    });
    let limits = &facts.scenario.limits;
    let mut written = serde_json::Map::new();
    let millis = |time: Duration| format!("{}ms", time.as_millis()).into();
    written.extend(limits.session_idle.map(|time| ("session-idle".into(), millis(time))));
    written.extend(limits.call_timeout.map(|time| ("call-timeout".into(), millis(time))));
    written.extend(limits.sessions_per_user.map(|count| ("sessions-per-user".into(), count.into())));
    written.extend(limits.requests_per_user.map(|count| ("requests-per-user".into(), count.into())));
    written.extend(limits.answers_kept_per_key.map(|count| ("answers-kept-per-key".into(), count.into())));
    let per_server = limits.upstream_sessions_per_server;
    written.extend(per_server.map(|count| ("upstream-sessions-per-server".into(), count.into())));
    Ok(json!({
        "servers": servers,
        "groups": facts.scenario.groups,
        "users": users.collect::<serde_json::Map<_, _>>(),
        "limits": written,
    }))
}

/// In which era the hub is told to speak to a server; of one that is being renewed it is told nothing.
fn era(facts: &Facts, server: &str) -> String {
    let renewed = facts.scenario.upstreams.get(server).is_some_and(|upstream| !upstream.older_for.is_empty());
    if renewed { "auto".to_owned() } else { facts.pair.upstream.to_string() }
}

/// A user's keys: one for each name, whichever clients hold it.
fn keys(provision: &Provision<'_>, user: &str) -> Vec<Value> {
    let mut keys = BTreeMap::new();
    for (actor, name) in cast::actors(&provision.facts.scenario).filter(|(actor, _)| actor.user == user) {
        if let Some(secret) = provision.facts.keys.get(&actor.to_string()) {
            keys.insert(name, secret);
        }
    }
    let hashed = |secret: &str| Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    keys.into_iter().map(|(name, secret)| json!({ "id": name, "sha256": hashed(secret) })).collect()
}

/// The hub's own environment: all that it was told in secret, as an operator does who keeps it out of files.
fn variables(provision: &Provision<'_>) -> BTreeMap<String, std::ffi::OsString> {
    let facts = provision.facts;
    let own = facts.tokens.iter().flat_map(|(user, tokens)| {
        tokens.iter().map(move |(upstream, token)| (format!("TOKEN_OF_{user}_AT_{upstream}"), token))
    });
    let services = facts.service_tokens.iter().map(|(upstream, token)| (format!("TOKEN_AT_{upstream}"), token));
    own.chain(services).map(|(name, token)| (name, token.into())).collect()
}

fn in_process(network: &Arc<Network>, provision: &Provision<'_>) -> Environment {
    let seed = provision.seed;
    Environment {
        connector: Arc::new(Pipes(network.clone())),
        launcher: Arc::new(Pipes(network.clone())),
        variables: variables(provision),
        random: Arc::new(Seeded(Mutex::new(seeded(seed, "the hub's randomness")))),
        clock: Arc::new(Virtual(Instant::now())),
    }
}

#[derive(Debug)]
struct Pipes(Arc<Network>);

impl Connect for Pipes {
    fn connect(&self, uri: http::Uri) -> Connecting {
        let opened = self.0.connect(uri.authority().map_or("", |authority| authority.as_str()));
        Box::pin(async move { opened.map(stream) })
    }
}

impl Launch for Pipes {
    fn launch(&self, program: Program) -> io::Result<Launched> {
        let host = program.words.first().map_or("", String::as_str);
        let environment =
            program.variables.iter().map(|(name, value)| (name.clone(), value.to_string_lossy().into_owned()));
        let children::Played { input, output, ended } = children::play(&self.0, host, environment.collect())?;
        Ok(Launched {
            input: Box::new(input),
            output: Box::new(output),
            errors: Box::new(tokio::io::empty()),
            process: Box::new(Child(ended)),
        })
    }
}

/// A child in this process ends when it says no more.
#[derive(Debug)]
struct Child(CancellationToken);

impl Process for Child {
    fn exited(&mut self) -> Exit<'_> {
        Box::pin(async {
            self.0.cancelled().await;
            "it has hung up".to_owned()
        })
    }

    fn terminate(&mut self) {}

    fn kill(&mut self) {
        self.0.cancel();
    }
}

#[derive(Debug)]
struct Seeded(Mutex<ChaCha8Rng>);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
        Ok(())
    }
}

#[derive(Debug)]
struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + EPOCH + self.0.elapsed()
    }
}
