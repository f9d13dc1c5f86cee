//! Scripts: what goes wrong in a fake that runs on its own, as a YAML file says.
//!
//! A rule is a guard and a fault. The first rule whose guard fits decides; `nth` counts the calls that
//! its other conditions let through.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{Fault, Kind, stateless_tool_names, tool_names};

/// What goes wrong, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    rules: Vec<Rule>,
    careless: bool,
    hints: Hints,
}

/// What is said of how long and for whom an answer may be kept, where it is not what is true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// Milliseconds; `None` is what is true.
    pub ttl_ms: Option<i64>,
    /// Whether it says that it is public; `None` is what is true.
    pub public: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    tool: Option<String>,
    user: Option<String>,
    nth: Option<u64>,
    fault: Fault,
}

/// A script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It is no YAML, or not of the right shape. The message names line and column.
    #[error("{0}")]
    Shape(String),
    /// A rule says something that cannot be.
    #[error("rule {number}: {message}")]
    Rule {
        /// Which rule, from 1.
        number: usize,
        /// What is wrong and what would be right.
        message: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    rules: Vec<Written>,
    /// How request states are looked at when they come back.
    #[serde(default)]
    request_states: RequestStates,
    /// What answers say of how long and for whom they may be kept.
    #[serde(default)]
    hints: WrittenHints,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenHints {
    ttl_ms: Option<i64>,
    scope: Option<Scope>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Scope {
    Private,
    Public,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RequestStates {
    #[default]
    Bound,
    Careless,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tool: Option<String>,
    user: Option<String>,
    nth: Option<u64>,
    #[serde(default)]
    hold: bool,
    delay: Option<String>,
    refuse: Option<u16>,
    disconnect: Option<String>,
    malform: Option<String>,
}

impl Script {
    /// Reads a script for a fake of this kind.
    ///
    /// # Errors
    /// [`ScriptError`], with the place and the remedy.
    pub fn from_yaml(text: &str, kind: Kind) -> Result<Self, ScriptError> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| ScriptError::Shape(error.to_string()))?;
        let rules = file.rules.into_iter().enumerate().map(|(index, written)| {
            written.rule(kind).map_err(|message| ScriptError::Rule { number: index + 1, message })
        });
        let careless = file.request_states == RequestStates::Careless;
        let public = file.hints.scope.map(|scope| scope == Scope::Public);
        let hints = Hints { ttl_ms: file.hints.ttl_ms, public };
        Ok(Self { rules: rules.collect::<Result<_, _>>()?, careless, hints })
    }

    /// Nothing goes wrong, but a request state is taken from whoever brings it, with whatever request, as often as it comes.
    pub fn careless_with_states() -> Self {
        Self { careless: true, ..Self::default() }
    }

    /// Nothing goes wrong, but answers say this of how long and for whom they may be kept.
    pub fn hinting(hints: Hints) -> Self {
        Self { hints, ..Self::default() }
    }

    pub(crate) fn hints(&self) -> Hints {
        self.hints
    }

    pub(crate) fn careless(&self) -> bool {
        self.careless
    }

    /// The fault for a call, and one more call counted for every guard that it passes.
    pub(crate) fn fault(&self, tool: &str, user: Option<&str>, seen: &mut BTreeMap<usize, u64>) -> Option<Fault> {
        let mut chosen = None;
        for (number, rule) in self.rules.iter().enumerate() {
            let fits =
                rule.tool.as_deref().is_none_or(|t| t == tool) && rule.user.as_deref().is_none_or(|u| Some(u) == user);
            if !fits {
                continue;
            }
            let count = seen.entry(number).or_default();
            *count += 1;
            if rule.nth.is_none_or(|nth| nth == *count) {
                chosen = chosen.or(Some(rule.fault));
            }
        }
        chosen
    }
}

impl Written {
    fn rule(self, kind: Kind) -> Result<Rule, String> {
        if let Some(tool) = &self.tool
            && !names(kind).any(|name| name == tool)
        {
            let near = names(kind).max_by(|a, b| strsim::jaro(a, tool).total_cmp(&strsim::jaro(b, tool)));
            return Err(format!("`{kind}` has no tool `{tool}`; did you mean `{}`?", near.unwrap_or_default()));
        }
        let mut faults = Vec::new();
        faults.extend(self.hold.then_some(Fault::Hold));
        faults.extend(self.delay.as_deref().map(seconds).transpose()?.map(Fault::Delay));
        faults.extend(self.refuse.map(|status| Fault::Refuse { status }));
        faults.extend(self.disconnect.map(|cut| cut.parse()).transpose().map_err(said)?.map(Fault::Disconnect));
        faults.extend(self.malform.map(|how| how.parse()).transpose().map_err(said)?.map(Fault::Malform));
        match faults.as_slice() {
            [fault] => Ok(Rule { tool: self.tool, user: self.user, nth: self.nth, fault: *fault }),
            [] => Err("no fault; add one of hold, delay, refuse, disconnect, malform".into()),
            _ => Err("several faults; a rule has one".into()),
        }
    }
}

/// The names of the tools in either era.
fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    tool_names(kind).chain(stateless_tool_names(kind))
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn seconds(text: &str) -> Result<Duration, String> {
    let unit = |suffix, factor: u64| Some(text.strip_suffix(suffix)?.parse::<u64>().ok()?.saturating_mul(factor));
    let millis = unit("ms", 1).or_else(|| unit("s", 1000));
    millis.map(Duration::from_millis).ok_or_else(|| format!("`{text}` is no duration; write `250ms` or `2s`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_call_of_a_tool_is_found() {
        let script = Script::from_yaml("rules:\n  - tool: echo\n    nth: 2\n    refuse: 503\n", Kind::Db).unwrap();
        let mut seen = BTreeMap::new();
        let faults = ["echo", "query", "echo", "echo"].map(|tool| script.fault(tool, None, &mut seen));
        assert_eq!(faults, [None, None, Some(Fault::Refuse { status: 503 }), None]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message = |text| Script::from_yaml(text, Kind::Db).unwrap_err().to_string();
        insta::assert_snapshot!(message("rules:\n  - tool: ecko\n    refuse: 503\n"), @"rule 1: `db` has no tool `ecko`; did you mean `echo`?");
        insta::assert_snapshot!(message("rules:\n  - tool: echo\n"), @"rule 1: no fault; add one of hold, delay, refuse, disconnect, malform");
        insta::assert_snapshot!(message("rules:\n  - delay: soon\n"), @"rule 1: `soon` is no duration; write `250ms` or `2s`");
        insta::assert_snapshot!(message("rules:\n  - malform: upside-down\n"), @"rule 1: unknown malformation `upside-down`; known are not-json, truncated-json, wrong-id, no-body, result-and-error");
        assert!(message("rules:\n  - tol: echo\n").contains("line 2"), "{}", message("rules:\n  - tol: echo\n"));
    }
}
