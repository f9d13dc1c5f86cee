//! What a target is told before it starts, and what the engine needs of it once it runs.

use std::collections::BTreeMap;

use crate::{
    engine::client::{Endpoint, Wire},
    trace::{
        Facts,
        facts::{IdentityHeaders, Refusals, Sharing},
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
    /// How it names what belongs to one of several upstreams: `{upstream}__{name}`.
    pub naming: String,
}

/// Everything that a target is configured with for one cell.
#[derive(Debug)]
pub struct Provision<'f> {
    /// Users, keys, credentials and limits.
    pub facts: &'f Facts,
    /// Where each upstream listens: `host:port`, by upstream name.
    pub upstreams: &'f BTreeMap<String, String>,
    /// What connects everything in this cell.
    pub wire: &'f Wire,
    /// Seed for the target's own randomness, where it can be given one.
    pub seed: u64,
}

/// A target that runs, until the cell's runtime ends.
#[derive(Debug)]
pub struct Running {
    /// Its route for each upstream, and for each group of them.
    pub endpoints: BTreeMap<String, Endpoint>,
}
