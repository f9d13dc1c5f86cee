//! Fake upstreams and target, up and listening, for one cell.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use fake_upstreams::{Answers, Eras, Fake, Hints, Kind, Ledger, Script, Settings, inprocess::Network};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
};

use super::{
    cast,
    client::{Endpoint, Wire},
    pace::Pace,
};
use crate::{
    scenario::model::{Actor, Era, Transport},
    target::{Addresses, Desk, Guest, Provision, Running, Target},
    trace::{Event, Facts, recorder::Recorder},
};

/// What stands between the actors and the upstreams.
#[derive(Debug, Clone)]
pub enum Front {
    /// What is judged.
    Target(Target),
    /// Nothing: a control run.
    Nothing,
}

/// Everything that a cell is played on.
#[derive(Debug)]
pub struct Stage {
    /// Where everything is written down.
    pub recorder: Recorder,
    /// Rung after every entry of an upstream's ledger.
    pub news: Arc<Notify>,
    /// The upstreams, by name.
    pub fakes: BTreeMap<String, Arc<Fake>>,
    /// Where actors reach each upstream: through the target, or straight.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Keys that the target chose itself, by actor.
    pub keys: BTreeMap<String, String>,
    /// The target's process, where it has one.
    pub guest: Option<Guest>,
    /// The clock it runs by.
    pub pace: Pace,
    /// Why what was played is worth nothing: the harness could not do something that was its part.
    pub trouble: Option<String>,
    /// What stands in front of the upstreams, where that is a target.
    front: Option<Fronting>,
}

/// A target that runs, and what it was told.
#[derive(Debug)]
struct Fronting {
    target: Target,
    addresses: Addresses,
    wire: Wire,
    seed: u64,
    /// How often it was started again.
    starts: u64,
    /// Ends it, where it can be started again.
    ending: Option<oneshot::Sender<()>>,
    /// Changes who may come, where it runs in this process.
    desk: Option<Desk>,
    /// Whoever's keys were taken away.
    revoked: BTreeSet<String>,
}

impl Stage {
    /// Raises the upstreams, then the target in front of them.
    ///
    /// # Errors
    /// What could not be started or reached, and why.
    pub async fn raise(
        recorder: Recorder,
        facts: &Facts,
        front: &Front,
        pace: Pace,
        seed: u64,
    ) -> Result<Self, String> {
        let wire = match pace {
            Pace::Virtual => Wire::InProcess(Arc::new(Network::new())),
            Pace::Real(_) => Wire::Tcp,
        };
        let (mut stage, addresses) = Self::upstreams(recorder.clone(), facts, &wire, pace, seed).await?;
        let provision = addresses.provision(facts, &wire, &recorder, seed, 0);
        let Front::Target(target) = front else {
            stage.take(straight(&provision));
            return Ok(stage);
        };
        let mut running = target.start(&provision).await?;
        let (ending, desk, revoked) = (running.ending.take(), running.desk.take(), BTreeSet::new());
        stage.take(running);
        stage.front =
            Some(Fronting { target: target.clone(), addresses, wire, seed, starts: 0, ending, desk, revoked });
        Ok(stage)
    }

    /// Ends the target and starts it again as it was configured; nothing of what it remembered is left.
    ///
    /// # Errors
    /// That it cannot be started again, or why it does not run.
    pub async fn restart(&mut self, facts: &Facts) -> Result<(), String> {
        let ending = self.front.as_mut().and_then(|front| front.ending.take());
        let (Some(mut front), Some(ending)) = (self.front.take(), ending) else {
            return Err("this target cannot be started again".to_owned());
        };
        // It may have ended by itself.
        let _ = ending.send(());
        self.pace.settle().await;
        front.starts += 1;
        // Its randomness goes on: a hub that gave out its first ids once more would be another hub.
        let now = front.seed.wrapping_add(front.starts);
        let facts = front.left(facts);
        let provision = front.addresses.provision(&facts, &front.wire, &self.recorder, now, front.starts);
        let mut running = front.target.start(&provision).await?;
        (front.ending, front.desk) = (running.ending.take(), running.desk.take());
        self.take(running);
        self.front = Some(front);
        Ok(())
    }

    /// Takes away the key that this client holds. The target has carried it out when this returns.
    ///
    /// # Errors
    /// That no key can be taken away there, or what went wrong.
    pub async fn revoke(&mut self, facts: &Facts, actor: &Actor) -> Result<(), String> {
        let Some(front) = &mut self.front else { return Err("there is no target".to_owned()) };
        let Some(key) = facts.keys.get(&actor.to_string()) else { return Err("it holds none".to_owned()) };
        let holders = facts.keys.iter().filter(|(_, held)| *held == key);
        front.revoked.extend(holders.map(|(holder, _)| holder.clone()));
        let left = front.left(facts);
        let mut gone = facts.clone();
        gone.keys.retain(|_, held| held == key);
        let told = |facts| front.addresses.provision(facts, &front.wire, &self.recorder, front.seed, front.starts);
        let (left, gone) = (told(&left), told(&gone));
        front.target.revoke(&left, &gone, front.desk.as_ref(), self.guest.as_ref()).await
    }

    /// Raises the upstreams alone, and says where each of them listens.
    ///
    /// # Errors
    /// What could not be started, and why.
    pub async fn upstreams(
        recorder: Recorder,
        facts: &Facts,
        wire: &Wire,
        pace: Pace,
        seed: u64,
    ) -> Result<(Self, Addresses), String> {
        let news = Arc::new(Notify::new());
        let mut fakes = BTreeMap::new();
        let mut addresses = Addresses::default();
        for (name, upstream) in facts.scenario.upstreams.iter().filter(|(_, upstream)| !upstream.is_server()) {
            let settings = Settings {
                name: name.clone(),
                kind: upstream.kind.parse::<Kind>().map_err(|error| format!("upstream `{name}`: {error}"))?,
                accounts: cast::accounts(facts, name),
                seed,
                script: Script::hinting(Hints { ttl_ms: upstream.hints.ttl_ms, public: upstream.hints.public }),
                answers: Answers::Seeded,
                page: upstream.page,
                service: None,
                eras: match facts.pair.upstream {
                    Era::Stateful => Eras::Stateful,
                    Era::Stateless => Eras::Stateless,
                },
            };
            let fake = Fake::new(settings, ledger(&recorder, &news));
            let address = open(wire, name, fake.clone()).await;
            let failed = |error: io::Error| format!("upstream `{name}`: {error}");
            addresses.http.insert(name.clone(), address.map_err(failed)?);
            if upstream.transport == Transport::Stdio {
                let address = open_for_processes(wire, name, fake.clone()).await;
                addresses.processes.insert(name.clone(), address.map_err(failed)?);
            }
            fakes.insert(name.clone(), fake);
        }
        let (endpoints, keys) = (BTreeMap::new(), BTreeMap::new());
        Ok((Self { recorder, news, fakes, endpoints, keys, guest: None, pace, trouble: None, front: None }, addresses))
    }

    /// Puts a target in front of the upstreams.
    pub fn take(&mut self, running: Running) {
        let Running { endpoints, keys, guest, .. } = running;
        (self.endpoints, self.keys, self.guest) = (endpoints, keys, guest);
    }

    /// Ends the target's process and waits for its last words.
    ///
    /// # Errors
    /// Why what was played is worth nothing.
    pub async fn close(self) -> Result<(), String> {
        if let Some(guest) = self.guest {
            guest.leave().await;
        }
        self.trouble.map_or(Ok(()), Err)
    }
}

impl Fronting {
    /// What the target is told of the cell, without the keys that were taken away.
    fn left(&self, facts: &Facts) -> Facts {
        let mut left = facts.clone();
        left.keys.retain(|actor, _| !self.revoked.contains(actor));
        left
    }
}

/// No target: every actor reaches the upstreams themselves.
fn straight(provision: &Provision<'_>) -> Running {
    let endpoint = |authority: &str| Endpoint::at(provision.wire, authority, "/mcp");
    Running {
        endpoints: provision.upstreams.iter().map(|(name, authority)| (name.clone(), endpoint(authority))).collect(),
        ..Running::default()
    }
}

fn ledger(recorder: &Recorder, news: &Arc<Notify>) -> Ledger {
    let (recorder, news) = (recorder.clone(), news.clone());
    Ledger::new(move |entry| {
        recorder.record(Event::Upstream(entry));
        news.notify_waiters();
    })
}

/// Lets a fake listen; it ends with the cell's runtime.
async fn open(wire: &Wire, name: &str, fake: Arc<Fake>) -> io::Result<String> {
    match wire {
        Wire::InProcess(network) => {
            let host = format!("{name}.upstream");
            fake_upstreams::serve(network.listen(&host)?, fake, std::future::pending::<()>());
            Ok(host)
        }
        Wire::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?.to_string();
            fake_upstreams::serve(listener, fake, std::future::pending::<()>());
            Ok(address)
        }
    }
}

/// Lets a fake be played as processes; each begins with a connection, and all end with the cell's runtime.
async fn open_for_processes(wire: &Wire, name: &str, fake: Arc<Fake>) -> io::Result<String> {
    match wire {
        Wire::InProcess(network) => {
            let host = format!("{name}.process");
            fake_upstreams::stdio::serve(network.listen(&host)?, fake);
            Ok(host)
        }
        Wire::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?.to_string();
            fake_upstreams::stdio::serve(listener, fake);
            Ok(address)
        }
    }
}
