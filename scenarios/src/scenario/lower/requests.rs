//! What a polite client asks, one request or several in one.

use serde_json::{Map, Value as Json};

use super::{
    super::{
        model::{Action, FaultSpec, ListKind, Reference, Request, RequestKind, StateChoice},
        source::Spanned,
        tree::{Node, Value},
    },
    Lowering,
    fields::Fields,
    names::Cast,
    words::json,
};

/// Levels of log lines, lowest first.
const LEVELS: [(&str, &str); 8] = [
    ("debug", "debug"),
    ("info", "info"),
    ("notice", "notice"),
    ("warning", "warning"),
    ("error", "error"),
    ("critical", "critical"),
    ("alert", "alert"),
    ("emergency", "emergency"),
];

impl Lowering<'_> {
    pub(super) fn call(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let tool = self.tool(fields.take("call")?, cast);
        let arguments = fields.take("with").map(|node| self.arguments(node)).unwrap_or_default();
        let progress = fields.take("progress").and_then(|node| self.request_id(node));
        let asked = fields.take("asked").and_then(|node| self.label(node));
        let begun = fields.take("begun").and_then(|node| self.label(node));
        let connection = fields.take("connection").and_then(|node| self.text(node, "`connection`"));
        let connection = connection.map(|name| name.value);
        let keep = fields.take("keep").and_then(|node| self.label(node));
        let answering = fields.take("answering").map(|node| self.arguments(node));
        let level = fields.take("level").and_then(|node| self.word(node, "level of log lines", &LEVELS));
        let level = level.map(str::to_owned);
        let (upstream, tool) = tool.unzip();
        let kind = tool.map(|tool| RequestKind::Call { tool, arguments });
        let request = self.request(upstream, kind, fields, cast)?;
        Some(Action::Request(Request { progress, asked, begun, connection, keep, answering, level, ..request }))
    }

    pub(super) fn list_of(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let route = self.route(fields.take("list")?, cast);
        let kinds = [
            ("tools", ListKind::Tools),
            ("prompts", ListKind::Prompts),
            ("resources", ListKind::Resources),
            ("templates", ListKind::Templates),
        ];
        let what = fields.take("what").and_then(|node| self.word(node, "list", &kinds)).unwrap_or_default();
        let after = fields.take("after").and_then(|node| self.label(node));
        let keep = fields.take("keep").and_then(|node| self.label(node));
        let request = self.request(route, Some(RequestKind::List { what, after }), fields, cast)?;
        Some(Action::Request(Request { keep, ..request }))
    }

    pub(super) fn get(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let prompt = self.prompt(fields.take("get")?, cast);
        let arguments = fields.take("with").map(|node| self.arguments(node)).unwrap_or_default();
        let (upstream, prompt) = prompt.unzip();
        let kind = prompt.map(|prompt| RequestKind::Get { prompt, arguments });
        Some(Action::Request(self.request(upstream, kind, fields, cast)?))
    }

    pub(super) fn read(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let upstream = self.upstream_name(fields.take("read")?, cast);
        let uri = self.required(fields, "uri", "`read`").and_then(|node| self.text(node, "`uri`"));
        let kind = uri.map(|uri| RequestKind::Read { uri: uri.value });
        Some(Action::Request(self.request(upstream, kind, fields, cast)?))
    }

    pub(super) fn complete(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let node = fields.take("complete")?;
        let template = fields.take("template").and_then(|node| self.text(node, "`template`"));
        let named = match template {
            Some(template) => {
                self.upstream_name(node, cast).map(|upstream| (upstream, Reference::Template(template.value)))
            }
            None => self.prompt(node, cast).map(|(upstream, prompt)| (upstream, Reference::Prompt(prompt))),
        };
        let with = self.required(fields, "with", "`complete`").map(|node| (node.span, self.arguments(node)));
        let argument = with.and_then(|(span, with)| match with.iter().next() {
            Some((name, Json::String(start))) if with.len() == 1 => Some((name.clone(), start.clone())),
            _ => {
                self.wrong("S054", span, "`with` names one argument and its beginning, a text");
                None
            }
        });
        let (upstream, reference) = named.unzip();
        let kind = reference.zip(argument).map(|(reference, argument)| RequestKind::Complete { reference, argument });
        Some(Action::Request(self.request(upstream, kind, fields, cast)?))
    }

    /// What is asked of a task: `lab/get`, of the one that was kept under this label.
    pub(super) fn task(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let node = fields.take("task")?;
        let asked = self.text(node, "`task`")?;
        let Some((upstream, verb)) = asked.value.split_once('/').filter(|(name, _)| cast.upstreams.contains_key(*name))
        else {
            self.wrong_help("S058", node.span, "this is no request to an upstream", "write `task: lab/get`");
            return None;
        };
        let kept = fields.take("of").and_then(|node| self.label(node));
        let mut arguments = Map::new();
        arguments.extend(kept.map(|label| ("taskId".to_owned(), format!("$kept({})", label.value).into())));
        let given = fields.take("with").map(|node| self.arguments(node));
        arguments.extend(given.map(|given| ("inputResponses".to_owned(), given.into())));
        let kind = RequestKind::Task { method: format!("tasks/{verb}"), arguments };
        Some(Action::Request(self.request(Some(upstream.to_owned()), Some(kind), fields, cast)?))
    }

    /// Several calls in one POST.
    pub(super) fn batch(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let upstream = self.upstream_name(fields.take("batch")?, cast);
        let actor = self.acting(fields, cast);
        let node = self.required(fields, "calls", "`batch`")?;
        let Value::List(items) = &node.value else {
            self.wrong("S055", node.span, format!("`calls` must be a list, and this is {}", node.value.name()));
            return None;
        };
        let upstream = upstream?;
        let mut calls = Vec::new();
        for item in items {
            let Some(mut call) = self.map(item, "a call") else { continue };
            let tool = self.required(&mut call, "tool", "a call").and_then(|node| self.text(node, "`tool`"));
            let arguments = call.take("with").map(|node| self.arguments(node)).unwrap_or_default();
            let id = call.take("id").and_then(|node| self.request_id(node));
            self.finish(&call, "a call");
            let tool = tool.and_then(|tool| self.tool_of(&upstream, &tool, cast));
            calls.extend(tool.map(|tool| (tool, arguments, id)));
        }
        Some(Action::Batch { actor: actor?, upstream, calls })
    }

    /// `initialize` and `ping`, on any route.
    pub(super) fn asked(
        &mut self,
        verb: &'static str,
        kind: RequestKind,
        fields: &mut Fields<'_>,
        cast: &Cast<'_>,
    ) -> Option<Action> {
        let route = self.route(fields.take(verb)?, cast);
        let actor = self.acting(fields, cast);
        let id = fields.take("id").and_then(|node| self.request_id(node));
        let (actor, upstream) = (actor?, route?);
        Some(Action::Request(Request { id, ..Request::plain(actor, upstream, kind) }))
    }

    /// What all requests inside a session have in common.
    fn request(
        &mut self,
        upstream: Option<String>,
        kind: Option<RequestKind>,
        fields: &mut Fields<'_>,
        cast: &Cast<'_>,
    ) -> Option<Request> {
        let actor = self.acting(fields, cast);
        let via = fields.take("via").and_then(|node| self.route(node, cast));
        let id = fields.take("id").and_then(|node| self.request_id(node));
        let held = fields.take("held").and_then(|node| self.label(node));
        let fault = fields.take("fault").and_then(|node| self.fault(node));
        let state = fields.take("state").and_then(|node| self.presented(node));
        let (actor, upstream, kind) = (actor?, upstream?, kind?);
        Some(Request { via, id, held, fault, state, ..Request::plain(actor, upstream, kind) })
    }

    /// The state of another call: this one has none of its own.
    fn presented(&mut self, node: &Node) -> Option<StateChoice> {
        let state = self.state(node)?;
        if matches!(state, StateChoice::Of(_) | StateChoice::FirstOf(_) | StateChoice::Unknown) {
            return Some(state);
        }
        self.wrong_help("S057", node.span, "this call was given no state of its own", "write `state: of x`");
        None
    }

    pub(super) fn arguments(&mut self, node: &Node) -> Map<String, Json> {
        match json(node) {
            Json::Object(map) => map,
            _ => {
                self.wrong("S049", node.span, format!("`with` must be a map, and this is {}", node.value.name()));
                Map::new()
            }
        }
    }

    pub(super) fn request_id(&mut self, node: &Node) -> Option<Json> {
        match json(node) {
            id @ (Json::String(_) | Json::Number(_)) => Some(id),
            _ => {
                self.wrong(
                    "S050",
                    node.span,
                    format!("a request id is a number or a text, and this is {}", node.value.name()),
                );
                None
            }
        }
    }

    fn fault(&mut self, node: &Node) -> Option<Spanned<FaultSpec>> {
        let mut fields = self.map(node, "`fault`")?;
        let delay = fields.take("delay").and_then(|node| self.time(node, "`delay`")).map(FaultSpec::Delay);
        let refuse = fields.take("refuse").and_then(|node| self.http_status(node)).map(FaultSpec::Refuse);
        let cuts = fake_upstreams::Cut::NAMES.map(|(name, _)| (name, name));
        let cut = fields.take("disconnect").and_then(|node| self.word(node, "moment to disconnect", &cuts));
        let forms = fake_upstreams::Malformation::NAMES.map(|(name, _)| (name, name));
        let malform = fields.take("malform").and_then(|node| self.word(node, "malformation", &forms));
        self.finish(&fields, "`fault`");
        let cut = cut.map(|name| FaultSpec::Disconnect(name.to_owned()));
        let malform = malform.map(|name| FaultSpec::Malform(name.to_owned()));
        let mut all = [delay, refuse, cut, malform].into_iter().flatten();
        let fault = all.next();
        if all.next().is_some() {
            self.wrong("S051", node.span, "one call has one fault");
        }
        Some(Spanned::new(fault?, node.span))
    }

    pub(super) fn http_status(&mut self, node: &Node) -> Option<u16> {
        let status = self.count(node, "an HTTP status")?;
        let status = u16::try_from(status).ok().filter(|status| (100..600).contains(status));
        if status.is_none() {
            self.wrong("S052", node.span, "an HTTP status lies between 100 and 599");
        }
        status
    }
}
