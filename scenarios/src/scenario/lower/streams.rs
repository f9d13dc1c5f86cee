//! Listening, and answering what an upstream asks: on a stream, or by asking again with the state that was given.

use super::{
    super::{
        model::{Action, Filter, ListKind, Reading, StateChoice},
        source::Spanned,
        tree::Node,
    },
    Lowering,
    fields::Fields,
    names::Cast,
};

/// How a filter names a task.
const TASK: &str = "task ";

impl Lowering<'_> {
    pub(super) fn open(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let upstream = self.route(fields.take("open")?, cast);
        let actor = self.acting(fields, cast);
        let stream = self.required(fields, "stream", "`open`").and_then(|node| self.label(node));
        let after = fields.take("after").and_then(|node| self.label(node));
        let filter = fields.take("filter").map(|node| self.filter(node));
        let known = [("everything", Reading::Everything), ("nothing", Reading::Nothing)];
        let reading = fields.take("reads").and_then(|node| self.word(node, "part of a stream", &known));
        let (actor, upstream, stream) = (actor?, upstream?, stream?);
        Some(Action::Open { actor, upstream, stream, after, filter, reading: reading.unwrap_or_default() })
    }

    /// Lists by their names, resources by their URIs, tasks by the label that they were kept under.
    fn filter(&mut self, node: &Node) -> Filter {
        let lists = [("tools", ListKind::Tools), ("prompts", ListKind::Prompts), ("resources", ListKind::Resources)];
        let mut filter = Filter::default();
        for word in self.texts(node, "a list, a URI or a task") {
            match lists.iter().find(|(name, _)| *name == word.value) {
                Some((_, list)) => filter.lists.push(*list),
                None if word.value.contains("://") => filter.uris.push(word.value),
                None if word.value.starts_with(TASK) => {
                    filter.tasks.push(format!("$kept({})", word.value.trim_start_matches(TASK).trim()));
                }
                None => {
                    let known: Vec<&str> = lists.iter().map(|(name, _)| *name).collect();
                    self.unknown("S056", &word, "list", &known);
                }
            }
        }
        filter
    }

    pub(super) fn answer(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let call = self.label(fields.take("answer")?);
        let actor = fields.take("as").and_then(|node| self.text(node, "`as`"));
        let actor = actor.and_then(|name| self.actor(&name, cast));
        let result = fields.take("with").map(|node| self.arguments(node)).unwrap_or_default();
        let state = fields.take("state").and_then(|node| self.state(node)).unwrap_or_default();
        Some(Action::Answer { call: call?, actor, result, state })
    }

    /// `own`, `absent`, `unknown`, `tampered`, `cut`, or whose: `of x`, `first of x`.
    pub(super) fn state(&mut self, node: &Node) -> Option<StateChoice> {
        let said = self.text(node, "`state`")?;
        let label = |name: &str| Spanned::new(name.trim().to_owned(), said.span);
        if let Some(name) = said.value.strip_prefix("first of ") {
            return Some(StateChoice::FirstOf(label(name)));
        }
        if let Some(name) = said.value.strip_prefix("of ") {
            return Some(StateChoice::Of(label(name)));
        }
        let known = [
            ("own", StateChoice::Own),
            ("absent", StateChoice::Absent),
            ("unknown", StateChoice::Unknown),
            ("tampered", StateChoice::Tampered),
            ("cut", StateChoice::Cut),
        ];
        self.word(node, "request state (a call's is named `of x`)", &known)
    }
}
