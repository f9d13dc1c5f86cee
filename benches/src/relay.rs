//! One tool call at a time and many, straight at the upstream, through the hub, and through a proxy that only copies.
//!
//! A round measures the three one after the other, so that whatever else the machine does falls on all of them alike;
//! what counts is the ratio within a round.

use anyhow::Context;

use crate::{
    process::{Servant, Server},
    spread::Spread,
    stage::Era,
};

/// How clients call, and how many side by side.
const CROWDS: [(Era, usize); 5] =
    [(Era::Stateful, 1), (Era::Stateful, 16), (Era::Stateful, 64), (Era::Stateless, 16), (Era::Stateless, 64)];
/// The ways, in the order of the first round; each round begins with the next.
const WAYS: [Way; 3] = [Way::Upstream, Way::Hub, Way::Proxy];

/// Which way the calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Upstream,
    Hub,
    Proxy,
}

impl Way {
    fn target(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Hub => "hub",
            Self::Proxy => "proxy",
        }
    }
}

/// What so many clients were given.
#[derive(Debug, Clone, PartialEq)]
pub struct Relayed {
    /// How they call.
    pub era: Era,
    /// Clients at once.
    pub clients: usize,
    /// Calls a second through the hub, as a part of those through the proxy, in each round.
    pub ratio: Spread,
    /// Calls a second straight at the upstream.
    pub upstream: Spread,
    /// Calls a second through the hub.
    pub hub: Spread,
    /// Calls a second through the proxy.
    pub proxy: Spread,
    /// CPU time of the hub for one call, in nanoseconds.
    pub hub_cpu: Spread,
    /// The same of the proxy.
    pub proxy_cpu: Spread,
}

/// One way in one round.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    /// Calls a second.
    rate: f64,
    /// Nanoseconds of CPU of whoever stands between, for one call.
    cpu: f64,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds for each number of clients.
    pub rounds: usize,
    /// Calls of one way in one round.
    pub calls: u32,
}

/// Measures with each crowd of clients.
///
/// # Errors
/// Where a call was not answered as it should be, or a process ended.
pub fn measure(load: &mut Servant, hub: &Server, proxy: &Server, effort: Effort) -> anyhow::Result<Vec<Relayed>> {
    let mut parties = Parties { load, hub, proxy };
    CROWDS.into_iter().map(|(era, clients)| parties.relayed(era, clients, effort)).collect()
}

struct Parties<'a> {
    load: &'a mut Servant,
    hub: &'a Server,
    proxy: &'a Server,
}

impl Parties<'_> {
    fn relayed(&mut self, era: Era, clients: usize, effort: Effort) -> anyhow::Result<Relayed> {
        for way in WAYS {
            self.sample(way, era, clients, effort.calls)?; // Connections and memory are made once, and not counted.
        }
        let mut samples = WAYS.map(|_| Vec::with_capacity(effort.rounds));
        for round in 0..effort.rounds {
            for turn in 0..WAYS.len() {
                let place = (round + turn) % WAYS.len();
                samples[place].push(self.sample(WAYS[place], era, clients, effort.calls)?);
            }
        }
        let [upstream, hub, proxy] = samples;
        let ratios = hub.iter().zip(&proxy).map(|(hub, proxy)| hub.rate / proxy.rate);
        let spread = |of: Vec<f64>| Spread::of(of).context("there is at least one round");
        let rates = |samples: &[Sample]| spread(samples.iter().map(|sample| sample.rate).collect());
        let cpus = |samples: &[Sample]| spread(samples.iter().map(|sample| sample.cpu).collect());
        Ok(Relayed {
            era,
            clients,
            ratio: spread(ratios.collect())?,
            upstream: rates(&upstream)?,
            hub: rates(&hub)?,
            proxy: rates(&proxy)?,
            hub_cpu: cpus(&hub)?,
            proxy_cpu: cpus(&proxy)?,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of less than a minute")]
    fn sample(&mut self, way: Way, era: Era, clients: usize, calls: u32) -> anyhow::Result<Sample> {
        let between = match way {
            Way::Upstream => None,
            Way::Hub => Some(self.hub),
            Way::Proxy => Some(self.proxy),
        };
        let before = between.map(Server::cpu).transpose()?;
        let nanos = self.load.order(&format!("run {} {} {clients} {calls}", way.target(), era.name()))?;
        let after = between.map(Server::cpu).transpose()?;
        let used = after.zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
        Ok(Sample { rate: f64::from(calls) * 1e9 / nanos as f64, cpu: used as f64 / f64::from(calls) })
    }
}
