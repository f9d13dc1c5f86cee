//! The registry: classes of isolation bugs and clauses of the specification, as data.
//!
//! A scenario names those that it sees and exercises, so that a report can say what a finding is an
//! instance of, and what no scenario covers.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Everything that a scenario may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// Bug classes, by id.
    pub bugs: IndexMap<String, Bug>,
    /// Clauses, by id.
    pub clauses: IndexMap<String, Clause>,
}

/// One class of isolation bugs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bug {
    /// What happens, in one sentence.
    pub title: String,
    /// The kind of harm.
    pub harm: String,
    /// Where it happened.
    pub seen: String,
}

/// One statement of the specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// What it demands, in one sentence.
    pub text: String,
    /// Revision and page.
    pub source: String,
}

#[derive(Deserialize)]
struct Bugs {
    bugs: IndexMap<String, Bug>,
}

#[derive(Deserialize)]
struct Clauses {
    clauses: IndexMap<String, Clause>,
}

impl Registry {
    /// The registry inside the binary.
    pub fn embedded() -> Self {
        let bugs: Bugs = serde_saphyr::from_str(include_str!("../registry/bugs.yaml")).expect("a test reads this file");
        let clauses: Clauses =
            serde_saphyr::from_str(include_str!("../registry/clauses.yaml")).expect("a test reads this file");
        Self { bugs: bugs.bugs, clauses: clauses.clauses }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_whole_and_every_harm_is_a_kind_of_finding() {
        let registry = Registry::embedded();
        assert_eq!(registry.bugs.len(), 81);
        assert_eq!(registry.clauses.len(), 325);
        for (id, bug) in &registry.bugs {
            assert!(
                ["leak", "loss", "refusal", "interference", "correlation"].contains(&bug.harm.as_str()),
                "{id}: {}",
                bug.harm
            );
        }
    }
}
