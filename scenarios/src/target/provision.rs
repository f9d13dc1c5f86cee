//! What a target is told before it starts, and what the engine needs of it once it runs.

use std::{collections::BTreeMap, time::Duration};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{
    file::fill::Values,
    ports::Port,
    process::{Process, Stopped},
    provisioning::Kept,
    reference::Desk,
};
use crate::{
    engine::client::{Endpoint, Wire},
    trace::{
        Facts,
        facts::{Answers, IdentityHeaders, Logs, Refusals, Server, Sharing},
        recorder::Recorder,
    },
};

/// What a target promises. What it does not promise is not held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promises {
    /// What it keeps apart.
    pub sharing: Sharing,
    /// Whether it tells upstreams who is calling.
    pub identity_headers: IdentityHeaders,
    /// How alike its refusals are.
    pub refusals: Refusals,
    /// Whether its log holds no secret.
    pub logs: Logs,
    /// How alike its answers are to those of the upstreams.
    pub answers: Answers,
    /// How it names what belongs to one of several upstreams: `{upstream}__{name}`.
    pub naming: String,
    /// The profile of a server that is asked with no hub between.
    pub server: Option<Server>,
}

impl Promises {
    /// What a target could promise and does not, for the head of a report: it is never silently green.
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.server.is_some() {
            missing.push("a ledger: what a real server does inside is seen only in its answers");
        } else {
            missing.extend(self.missing_of_a_hub());
        }
        if self.refusals == Refusals::Similar {
            missing.push("equal refusals: different ones are warned of");
        }
        if self.logs == Logs::NotPromised {
            missing.push("a log without secrets: warned of");
        }
        if self.answers == Answers::Alike && self.server.is_none() {
            missing.push("answers as the upstream wrote them: texts and names are compared");
        }
        missing
    }

    fn missing_of_a_hub(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        missing.extend(match self.sharing {
            Sharing::PerSession => None,
            Sharing::PerUser => Some("an upstream session for every session: shared ones of a user are warned of"),
            Sharing::Shared => Some("upstream sessions of one's own: shared ones are warned of"),
        });
        if self.identity_headers == IdentityHeaders::NotPromised {
            missing.push("identity headers: not checked");
        }
        missing
    }
}

/// Where upstreams listen: `host:port`, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// All of them, for HTTP.
    pub http: BTreeMap<String, String>,
    /// Those that are child processes, for these.
    pub processes: BTreeMap<String, String>,
}

impl Addresses {
    /// What a target is configured with that is started for the time `starts`.
    pub fn provision<'f>(
        &'f self,
        facts: &'f Facts,
        wire: &'f Wire,
        recorder: &'f Recorder,
        seed: u64,
        starts: u64,
    ) -> Provision<'f> {
        Provision { facts, upstreams: &self.http, processes: &self.processes, wire, recorder, seed, starts }
    }
}

/// Everything that a target is configured with for one cell.
#[derive(Debug)]
pub struct Provision<'f> {
    /// Users, keys, credentials and limits.
    pub facts: &'f Facts,
    /// Where each upstream listens: `host:port`, by upstream name.
    pub upstreams: &'f BTreeMap<String, String>,
    /// Where those listen that the target starts as child processes: what such a child says and is told goes there.
    pub processes: &'f BTreeMap<String, String>,
    /// What connects everything in this cell.
    pub wire: &'f Wire,
    /// Where a target's output is written down.
    pub recorder: &'f Recorder,
    /// Seed for the target's own randomness, where it can be given one.
    pub seed: u64,
    /// How often it was started in this cell before.
    pub starts: u64,
}

/// A target that runs.
#[derive(Debug, Default)]
pub struct Running {
    /// Its route for each upstream, and for each group of them.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Keys that it chose itself, by actor, instead of those of the facts.
    pub keys: BTreeMap<String, String>,
    /// What has to be ended with the cell; `None` is a target that ends with the cell's runtime.
    pub guest: Option<Guest>,
    /// Changes who may come to a target inside this process.
    pub desk: Option<Desk>,
    /// Ends a target inside this process, where one is to be started again; `None` is one that cannot be.
    pub ending: Option<oneshot::Sender<()>>,
}

/// A process of a target's own, and what is to be tidied up after it.
#[derive(Debug)]
pub struct Guest {
    /// The process; `None` for one that is somebody else's.
    pub process: Option<Process>,
    /// How it is asked to end, and how long that may take.
    pub farewell: (Signal, Duration),
    /// Its folder, removed with the guest.
    pub folder: TempDir,
    /// What stands for placeholders in its target file.
    pub values: Values,
    /// What was learned from it when it was told about users and upstreams.
    pub kept: Kept,
    /// Its port, given to nobody else before the guest has left.
    pub port: Option<Port>,
}

impl Guest {
    /// Ends the process; afterwards everything it said is recorded.
    pub async fn leave(self) -> Option<Stopped> {
        let (signal, grace) = self.farewell;
        Some(self.process?.stop(signal, grace).await)
    }
}
