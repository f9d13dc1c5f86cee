//! How a hub names things on a route of several upstreams, learned from the list that it gives.
//!
//! The list is asked for once in a run, in a process of its own: in a judged cell the question would open sessions
//! that no user asked for.

use std::sync::Arc;

use fake_upstreams::Kind;

use super::{Target, file::HubFile};
use crate::{
    engine::stage::Front,
    oracles::rpc,
    run::{self, Mode, Options, cell::Setting},
    scenario,
    trace::Index,
};

/// One user's list of everything.
const QUESTION: &str = "\
scenario: target/naming
title: A user asks for everything
bugs: [any-valid-token]
users: [alice]
upstreams: [db, github]
needs: [groups, routes]
steps:
  - list: all
    as: alice
";

/// Asks the hub for its list and reads its naming out of it: `{upstream}__{name}`.
///
/// # Errors
/// Why there is none to be had.
pub(super) fn learn(file: &Arc<HubFile>, options: &Options) -> Result<String, String> {
    let scenario = scenario::own("target/naming.yaml", QUESTION)?;
    let cells = run::plan(&[Arc::new(scenario)], options);
    let cell = cells.iter().rev().find(|cell| file.declines(cell).is_none());
    let cell = cell.ok_or("the target file declines every way of asking for the list")?;
    let front = Front::Target(Target::Hub(file.clone()));
    let options = &Options { mode: Mode::Socket, ..options.clone() };
    let trace = Setting { front, promises: file.program.promises.clone(), alone: None }.play(cell, options)?;
    let index = Index::new(&trace);
    let answer = index.exchange_of(0).and_then(|exchange| index.message_of(exchange)?.answer);
    let answer = answer.ok_or("naming: no list came from `reach.all`")?;
    let names = rpc::response(&answer).and_then(|response| rpc::names(&response));
    infer(&names.ok_or_else(|| format!("naming: no list came from `reach.all`: {}", rpc::brief(&answer)))?)
}

/// The one pattern by which every listed tool of `db` and `github` is named.
fn infer(listed: &[String]) -> Result<String, String> {
    let mut patterns: Vec<String> = Vec::new();
    for kind in [Kind::Db, Kind::Github] {
        let upstream = kind.to_string();
        for tool in fake_upstreams::tool_names(kind) {
            let pattern = |name: &String| {
                let (before, after) = name.split_once(&*tool)?;
                // The tool's own name is taken out first: it may hold the upstream's.
                let named = |part: &str| part.replace(&upstream, "{upstream}");
                Some(format!("{}{{name}}{}", named(before), named(after)))
            };
            let found = listed.iter().filter_map(pattern).filter(|pattern| pattern.contains("{upstream}"));
            patterns.extend(found.min_by_key(String::len));
        }
    }
    patterns.sort();
    patterns.dedup();
    match &patterns[..] {
        [pattern] => Ok(pattern.clone()),
        _ => Err(format!(
            "naming: no one pattern of upstream and name fits the list [{}]; write it out as `naming: \"{{upstream}}_{{name}}\"`",
            listed.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: impl Fn(Kind, &str) -> String) -> Vec<String> {
        let kinds = [Kind::Db, Kind::Github];
        kinds
            .into_iter()
            .flat_map(|kind| fake_upstreams::tool_names(kind).map(move |tool| (kind, tool)))
            .map(|(kind, tool)| name(kind, tool))
            .collect()
    }

    #[test]
    fn a_prefix_and_a_suffix_are_learned() {
        assert_eq!(infer(&listed(|kind, tool| format!("{kind}__{tool}"))), Ok("{upstream}__{name}".to_owned()));
        assert_eq!(infer(&listed(|kind, tool| format!("{tool}@{kind}"))), Ok("{name}@{upstream}".to_owned()));
    }

    #[test]
    fn bare_or_mixed_names_are_no_pattern() {
        assert!(infer(&listed(|_, tool| tool.to_owned())).is_err());
        let mixed =
            |kind: Kind, tool: &str| if kind == Kind::Db { format!("db_{tool}") } else { format!("github.{tool}") };
        assert!(infer(&listed(mixed)).is_err());
    }
}
