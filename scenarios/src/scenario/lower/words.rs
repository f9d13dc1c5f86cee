//! Single values: texts, numbers, durations, names out of a closed list.

use std::time::Duration;

use serde_json::{Number, Value as Json};

use super::{
    super::{
        source::Spanned,
        tree::{Node, Value},
    },
    Lowering,
};
use crate::diagnostics::nearest;

/// `250ms`, `30s`, `5m`, `1h`.
pub fn duration(text: &str) -> Option<Duration> {
    let units = [("ms", 1_u64), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    units.into_iter().find_map(|(unit, millis)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(number.checked_mul(millis)?))
    })
}

/// A node as JSON.
pub(crate) fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Number(number) => Json::Number(Number::from(*number)),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(members) => {
            Json::Object(members.iter().map(|(key, value)| (key.value.clone(), json(value))).collect())
        }
    }
}

impl Lowering<'_> {
    /// A text.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        match &node.value {
            Value::Text(text) => Some(Spanned::new(text.clone(), node.span)),
            other => {
                self.wrong("S010", node.span, format!("{what} must be a text, and this is {}", other.name()));
                None
            }
        }
    }

    /// A number that is not negative.
    pub(crate) fn count(&mut self, node: &Node, what: &str) -> Option<u64> {
        match &node.value {
            Value::Number(number) if *number >= 0 => u64::try_from(*number).ok(),
            other => {
                self.wrong(
                    "S011",
                    node.span,
                    format!("{what} must be a whole number from 0, and this is {}", other.name()),
                );
                None
            }
        }
    }

    /// A duration with its unit.
    pub(crate) fn time(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let parsed = match &node.value {
            Value::Text(text) => duration(text),
            _ => None,
        };
        if parsed.is_none() {
            self.wrong_help(
                "S012",
                node.span,
                format!("{what} must be a duration"),
                "write a number and a unit: 250ms, 30s, 5m, 1h",
            );
        }
        parsed
    }

    /// One text, or a list of them.
    pub(crate) fn texts(&mut self, node: &Node, what: &str) -> Vec<Spanned<String>> {
        match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.text(item, what)).collect(),
            _ => self.text(node, what).into_iter().collect(),
        }
    }

    /// A word out of a closed list.
    pub(crate) fn word<T: Clone>(&mut self, node: &Node, what: &str, known: &[(&str, T)]) -> Option<T> {
        let Spanned { value, span } = self.text(node, what)?;
        let found = known.iter().find(|(name, _)| *name == value).map(|(_, word)| word.clone());
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            self.unknown("S013", &Spanned::new(value, span), what, &names);
        }
        found
    }

    /// A name that nothing goes by.
    pub(crate) fn unknown(&mut self, code: &str, name: &Spanned<String>, what: &str, known: &[&str]) {
        let help = match nearest(&name.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("there is no {what} here at all"),
            None => format!("known: {}", known.join(", ")),
        };
        self.wrong_help(code, name.span, format!("there is no {what} `{}`", name.value), help);
    }
}
