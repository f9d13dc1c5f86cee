//! The matrix: every scenario in every pair of eras it names, in the revisions of its clients' era, every credential mode
//! it names, and every order in which its held calls may be released.
//!
//! Where both sides are stateful, every revision is played. A bridge into the stateless era is played from the newest
//! one, unless the file names revisions: what a hub translates does not differ between the older ones.

use std::{collections::BTreeMap, sync::Arc};

use rand::seq::index;

use crate::{
    engine::cast,
    scenario::model::{Action, CredentialMode, Era, Order, Pair, Revision, Scenario},
};

use super::Options;

/// No scenario has more orders than this; beyond it a seeded sample is played, and the name says so.
const MOST_ORDERS: usize = 24;

/// One cell of the matrix.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What is played.
    pub scenario: Arc<Scenario>,
    /// `2025-11-25 per-user`, the pair of eras where it is not the default, and `order 2/6` where there are several.
    pub name: String,
    /// In which era clients and upstreams speak.
    pub pair: Pair,
    /// Which revision the actors offer.
    pub revision: Revision,
    /// Whose credential the target uses upstream.
    pub credentials: CredentialMode,
    /// For each `release` in every order, by its step: positions in the file's list, first to last.
    pub orders: BTreeMap<usize, Vec<usize>>,
}

impl Cell {
    /// The seed of this cell in a run with `seed`: a file may have one of its own, from which runs count.
    pub fn seed(&self, seed: u64) -> u64 {
        self.scenario.seed.unwrap_or_default().wrapping_add(seed)
    }
}

/// Spreads scenarios out into cells, in the order of the files.
pub fn plan(scenarios: &[Arc<Scenario>], options: &Options) -> Vec<Cell> {
    let mut cells = Vec::new();
    for scenario in scenarios {
        for pair in scenario.eras.iter().copied() {
            for revision in revisions(scenario, pair).iter().copied() {
                for credentials in scenario.credentials.iter().copied() {
                    let name = name(scenario, pair, revision, credentials);
                    let orders = BTreeMap::new();
                    let cell = Cell { scenario: scenario.clone(), name, pair, revision, credentials, orders };
                    cells.extend(in_every_order(cell, options.seed));
                }
            }
        }
    }
    cells
}

/// The revisions that the clients offer in this pair.
fn revisions(scenario: &Scenario, pair: Pair) -> &[Revision] {
    match pair {
        Pair { client: Era::Stateless, .. } => &[Revision::July2026],
        _ if !scenario.revisions.is_empty() => &scenario.revisions,
        Pair { upstream: Era::Stateless, .. } => &[Revision::November2025],
        _ => &Revision::STATEFUL,
    }
}

fn name(scenario: &Scenario, pair: Pair, revision: Revision, credentials: CredentialMode) -> String {
    // A server is nobody's upstream: it is asked with its own accounts.
    let mut name = if scenario.is_for_servers() { revision.to_string() } else { format!("{revision} {credentials}") };
    if let Some(pair) = pair.capability() {
        name.push_str(&format!(" {pair}"));
    }
    name
}

/// The cell once for each combination of release orders.
fn in_every_order(cell: Cell, seed: u64) -> Vec<Cell> {
    let all = all_orders(&cell.scenario);
    let total = all.len();
    if total < 2 {
        return vec![cell];
    }
    let played: Vec<usize> = if total > MOST_ORDERS {
        let mut sample = index::sample(&mut cast::rng(cell.seed(seed), &cell, "orders"), total, MOST_ORDERS).into_vec();
        sample.sort_unstable();
        sample
    } else {
        (0..total).collect()
    };
    let numbered = played.into_iter().map(|number| Cell {
        name: format!("{} order {}/{total}", cell.name, number + 1),
        orders: all[number].clone(),
        ..cell.clone()
    });
    numbered.collect()
}

/// Every combination of permutations of the scenario's `order: every` releases.
fn all_orders(scenario: &Scenario) -> Vec<BTreeMap<usize, Vec<usize>>> {
    let mut all = vec![BTreeMap::new()];
    for (number, step) in scenario.steps.iter().enumerate() {
        let Action::Release { labels, order: Order::Every } = &step.action else { continue };
        let permutations = permutations(labels.len());
        all = all
            .iter()
            .flat_map(|chosen: &BTreeMap<usize, Vec<usize>>| {
                permutations.iter().map(|permutation| {
                    let mut chosen = chosen.clone();
                    chosen.insert(number, permutation.clone());
                    chosen
                })
            })
            .collect();
    }
    all
}

/// All permutations of `0..count`, in lexical order. Files hold a handful of labels.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        all = all
            .iter()
            .flat_map(|start: &Vec<usize>| {
                (0..count).filter(|next| !start.contains(next)).map(|next| [start.as_slice(), &[next]].concat())
            })
            .collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_calls_have_six_orders_in_lexical_order() {
        let all = permutations(3);
        assert_eq!(all.len(), 6);
        assert_eq!(all[0], [0, 1, 2]);
        assert_eq!(all[5], [2, 1, 0]);
    }
}
