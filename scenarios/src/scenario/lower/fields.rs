//! The keys of a map: each is taken once by whoever reads it; what is left over is unknown.

use std::collections::BTreeSet;

use super::{
    super::{
        source::{Span, Spanned},
        tree::{Node, Value},
    },
    Lowering,
};
use crate::diagnostics::nearest;

/// The members of a map, with what was taken.
pub(crate) struct Fields<'n> {
    members: &'n [(Spanned<String>, Node)],
    taken: BTreeSet<&'static str>,
    /// The whole map.
    pub(crate) span: Span,
}

impl<'n> Fields<'n> {
    /// Takes a member.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.taken.insert(key);
        self.members.iter().find(|(name, _)| name.value == key).map(|(_, node)| node)
    }

    /// The keys that stand there.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'n Spanned<String>> {
        self.members.iter().map(|(name, _)| name)
    }
}

impl Lowering<'_> {
    /// The fields of a node that must be a map.
    pub(crate) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<Fields<'n>> {
        match &node.value {
            Value::Map(members) => Some(Fields { members, taken: BTreeSet::new(), span: node.span }),
            other => {
                self.wrong("S002", node.span, format!("{what} must be a map, and this is {}", other.name()));
                None
            }
        }
    }

    /// The entries of a map whose keys are anybody's; none, and told, where it is no map.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node, what: &str, help: &str) -> &'n [(Spanned<String>, Node)] {
        if let Value::Map(members) = &node.value {
            return members;
        }
        let message = format!("{what} must be a map, and this is {}", node.value.name());
        self.wrong_help("S002", node.span, message, help);
        &[]
    }

    /// A word out of a closed list, which stays as it is where the file does not speak of it.
    pub(crate) fn choice<T: Clone>(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        what: &str,
        known: &[(&str, T)],
        chosen: &mut T,
    ) {
        if let Some(word) = fields.take(key).and_then(|node| self.word(node, what, known)) {
            *chosen = word;
        }
    }

    /// Tells of every key that nobody took.
    pub(crate) fn finish(&mut self, fields: &Fields<'_>, what: &str) {
        for key in fields.keys() {
            if fields.taken.contains(key.value.as_str()) {
                continue;
            }
            let known: Vec<&str> = fields.taken.iter().copied().collect();
            let help = match nearest(&key.value, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.wrong_help("S003", key.span, format!("{what} has no key `{}`", key.value), help);
        }
    }

    /// A member that must be there.
    pub(crate) fn required<'n>(&mut self, fields: &mut Fields<'n>, key: &'static str, what: &str) -> Option<&'n Node> {
        let found = fields.take(key);
        if found.is_none() {
            let start = Span { start: fields.span.start, end: fields.span.start + 1 };
            self.wrong_help("S004", start, format!("{what} needs the key `{key}`"), format!("add `{key}:`"));
        }
        found
    }
}
