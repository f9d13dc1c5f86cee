//! Users, keys, credentials and canaries of one cell: the facts that open its trace.
//!
//! Every secret is invented here from the cell's seed, so the same seed gives the same trace and two
//! cells share nothing.

use std::collections::{BTreeMap, BTreeSet};

use fake_upstreams::{Account, Eras, mark::Mint};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::{
    run::Cell,
    scenario::{
        canary,
        model::{Actor, CredentialMode, Era, Scenario, ServiceCredential},
    },
    target::Promises,
    trace::{Facts, facts::Canary},
};

/// The login behind a hub's own credential. No user of a scenario may be called this.
pub const SERVICE_LOGIN: &str = "hub-service";

/// The random source of one purpose in one cell: independent of every other cell and purpose.
pub fn rng(seed: u64, cell: &Cell, purpose: &str) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    for part in [seed.to_string().as_str(), &cell.scenario.id.value, &cell.name, purpose] {
        hash.update(part);
        hash.update([0]);
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// Invents everything that is declared before the first byte.
pub fn facts(cell: &Cell, seed: u64, promises: &Promises) -> Facts {
    let mut rng = rng(seed, cell, "cast");
    let scenario = &cell.scenario;
    let secrets: BTreeMap<(&str, &str), String> = scenario
        .users
        .iter()
        .flat_map(|(user, person)| person.clients.values().map(move |key| (user.as_str(), key.as_str())))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|(user, key)| ((user, key), secret(&mut rng, "key", user)))
        .collect();
    let keys =
        actors(scenario).map(|(actor, key)| (actor.to_string(), secrets[&(actor_user(scenario, &actor), key)].clone()));
    let accounts = promises.server.as_ref().is_none_or(|server| !server.accounts.is_empty());
    Facts {
        scenario: Scenario::clone(scenario),
        cell: cell.name.clone(),
        pair: cell.pair,
        revision: cell.revision.to_string(),
        credentials: cell.credentials,
        seed,
        sharing: promises.sharing,
        identity_headers: promises.identity_headers,
        refusals: promises.refusals,
        logs: promises.logs,
        answers: promises.answers,
        naming: promises.naming.clone(),
        keys: if accounts { keys.collect() } else { BTreeMap::new() },
        // A server is asked with its own accounts' tokens, for which the keys stand.
        tokens: if promises.server.is_some() { BTreeMap::new() } else { tokens(scenario, &mut rng) },
        service_tokens: service_tokens(cell, &mut rng),
        canaries: canaries(scenario, seed),
        server: promises.server.clone(),
        attached: None,
    }
}

/// Every client of every user, with the name of the key it holds.
pub fn actors(scenario: &Scenario) -> impl Iterator<Item = (Actor, &str)> {
    scenario.users.iter().flat_map(|(user, person)| {
        person
            .clients
            .iter()
            .map(move |(client, key)| (Actor { user: user.clone(), client: client.clone() }, key.as_str()))
    })
}

/// The accounts that an upstream knows: each linked user's own, and the hub's.
pub fn accounts(facts: &Facts, upstream: &str) -> Vec<Account> {
    let everything = || ["read", "write", "transition"].map(str::to_owned).to_vec();
    let mut accounts = Vec::new();
    for (user, tokens) in &facts.tokens {
        let Some(token) = tokens.get(upstream) else { continue };
        let person = facts.scenario.users.get(user);
        let read_only = person.is_some_and(|person| person.read_only.iter().any(|u| u == upstream));
        let given = person.and_then(|person| person.scopes.get(upstream));
        let scopes = match (read_only, given) {
            (true, _) => vec!["read".to_owned()],
            (false, Some(given)) => given.clone(),
            (false, None) => everything(),
        };
        let eras = match facts.scenario.upstream_era_of(upstream, user, facts.pair) {
            Era::Stateful => Eras::Stateful,
            Era::Stateless => Eras::Stateless,
        };
        accounts.push(Account { login: user.clone(), token: token.clone(), scopes, eras: Some(eras) });
    }
    if let Some(token) = facts.service_tokens.get(upstream) {
        let login = SERVICE_LOGIN.into();
        accounts.push(Account { login, token: token.clone(), scopes: everything(), eras: None });
    }
    accounts
}

fn actor_user<'s>(scenario: &'s Scenario, actor: &Actor) -> &'s str {
    scenario.users.get_key_value(&actor.user).map_or("", |(name, _)| name)
}

fn secret(rng: &mut ChaCha8Rng, what: &str, whose: &str) -> String {
    let random: String = (0..24).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect();
    format!("{what}-{whose}-{random}")
}

fn tokens(scenario: &Scenario, rng: &mut ChaCha8Rng) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (user, person) in &scenario.users {
        let linked = scenario.upstreams.keys().filter(|upstream| !person.unlinked.contains(upstream));
        let own = linked.map(|upstream| (upstream.clone(), secret(rng, &format!("{upstream}-token"), user)));
        all.insert(user.clone(), own.collect());
    }
    all
}

fn service_tokens(cell: &Cell, rng: &mut ChaCha8Rng) -> BTreeMap<String, String> {
    let upstreams = cell.scenario.upstreams.iter();
    let held = upstreams.filter(|(_, upstream)| {
        cell.credentials == CredentialMode::Shared || upstream.service_credential == ServiceCredential::Present
    });
    held.map(|(name, _)| (name.clone(), secret(rng, &format!("{name}-token"), "service"))).collect()
}

/// A mark for every actor and every series that the file speaks of.
fn canaries(scenario: &Scenario, seed: u64) -> Vec<Canary> {
    let series: BTreeSet<String> = canary::forms(&scenario.source.text).into_iter().map(|(_, series)| series).collect();
    let mut mint = Mint::new(seed, &format!("canary {}", scenario.id.value));
    let mut all = Vec::new();
    for (actor, _) in actors(scenario) {
        for series in &series {
            all.push(Canary { actor: actor.clone(), series: series.clone(), mark: mint.next_mark() });
        }
    }
    all
}
