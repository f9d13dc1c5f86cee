//! The verbs.

use fake_upstreams::prompts;
use indexmap::IndexMap;
use serde_json::{Map, Number, Value as Json};

use super::{
    super::{
        canary, grammar,
        model::{
            Action, Actor, FaultSpec, ListKind, Order, Raw, Reading, Reference, Request, RequestKind, Send,
            SessionChoice, Step, TokenChoice, Upstream, User,
        },
        source::Spanned,
        tree::{Node, Value},
    },
    Lowering,
    fields::Fields,
};

/// Who and what a step may name.
pub(super) struct Cast<'c> {
    pub(super) users: &'c IndexMap<String, User>,
    pub(super) upstreams: &'c IndexMap<String, Upstream>,
    pub(super) groups: &'c IndexMap<String, Vec<String>>,
}

impl Cast<'_> {
    /// Every route: upstreams, groups, everything.
    fn routes(&self) -> Vec<&str> {
        let named = self.upstreams.keys().chain(self.groups.keys()).map(String::as_str);
        named.chain([grammar::ALL]).collect()
    }
}

impl Lowering<'_> {
    pub(super) fn steps(&mut self, node: &Node, cast: &Cast<'_>) -> Vec<Step> {
        let Value::List(items) = &node.value else {
            self.wrong("S040", node.span, format!("`steps` must be a list, and this is {}", node.value.name()));
            return Vec::new();
        };
        if items.is_empty() {
            self.wrong("S041", node.span, "no step");
        }
        items.iter().filter_map(|item| self.step(item, cast)).collect()
    }

    fn step(&mut self, node: &Node, cast: &Cast<'_>) -> Option<Step> {
        let mut fields = self.map(node, "a step")?;
        let verbs: Vec<&Spanned<String>> =
            fields.keys().filter(|key| grammar::VERBS.iter().any(|(verb, ..)| *verb == key.value)).collect();
        let verb = match verbs.as_slice() {
            [verb] => verb.value.as_str(),
            [] => {
                let first = fields.keys().next()?;
                let names: Vec<&str> = grammar::VERBS.iter().map(|(verb, ..)| *verb).collect();
                self.unknown("S042", first, "verb", &names);
                return None;
            }
            [_, second, ..] => {
                self.wrong_help("S043", second.span, "a step has one verb", "make two steps of it");
                return None;
            }
        };
        let action = self.action(verb, &mut fields, cast);
        let expect = fields.take("expect").map(|node| self.expectations(node, verb)).unwrap_or_default();
        self.finish(&fields, &format!("`{verb}`"));
        Some(Step { action: action?, expect, span: node.span })
    }

    fn action(&mut self, verb: &str, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        match verb {
            "call" => self.call(fields, cast),
            "list" => self.list_of(fields, cast),
            "get" => self.get(fields, cast),
            "read" => self.read(fields, cast),
            "complete" => self.complete(fields, cast),
            "batch" => self.batch(fields, cast),
            "ping" => self.asked("ping", RequestKind::Ping, fields, cast),
            "initialize" => {
                let offers = fields.take("offers").map(|node| self.texts(node, "a capability"));
                let offers = offers.map(|offers| offers.into_iter().map(|offer| offer.value).collect());
                match self.asked("initialize", RequestKind::Initialize, fields, cast)? {
                    Action::Request(request) => Some(Action::Request(Request { offers, ..request })),
                    other => Some(other),
                }
            }
            "open" => self.open(fields, cast),
            "wait-for" => Some(Action::WaitFor(self.label(fields.take("wait-for")?)?)),
            "answer" => {
                let call = self.label(fields.take("answer")?);
                let actor = fields.take("as").and_then(|node| self.text(node, "`as`"));
                let actor = actor.and_then(|name| self.actor(&name, cast));
                let result = fields.take("with").map(|node| self.arguments(node)).unwrap_or_default();
                Some(Action::Answer { call: call?, actor, result })
            }
            "send" => self.send(fields, cast),
            "await" => Some(Action::Await(self.label(fields.take("await")?)?)),
            "cancel" => Some(Action::Cancel(self.label(fields.take("cancel")?)?)),
            "drop" => Some(Action::Drop(self.label(fields.take("drop")?)?)),
            "release" => {
                let labels = self.texts(fields.take("release")?, "a label");
                let orders = [("given", Order::Given), ("every", Order::Every)];
                let order = fields.take("order").and_then(|node| self.word(node, "order", &orders));
                Some(Action::Release { labels, order: order.unwrap_or(Order::Given) })
            }
            "close" => {
                let upstream = self.route(fields.take("close")?, cast);
                let actor = self.acting(fields, cast);
                Some(Action::Close { actor: actor?, upstream: upstream? })
            }
            "advance-clock" => Some(Action::AdvanceClock(self.time(fields.take("advance-clock")?, "`advance-clock`")?)),
            _ => Some(Action::Census { upstream: self.upstream_name(fields.take("census")?, cast)? }),
        }
    }

    fn open(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let upstream = self.route(fields.take("open")?, cast);
        let actor = self.acting(fields, cast);
        let stream = self.required(fields, "stream", "`open`").and_then(|node| self.label(node));
        let after = fields.take("after").and_then(|node| self.label(node));
        let known = [("everything", Reading::Everything), ("nothing", Reading::Nothing)];
        let reading = fields.take("reads").and_then(|node| self.word(node, "part of a stream", &known));
        let (actor, upstream, stream) = (actor?, upstream?, stream?);
        Some(Action::Open { actor, upstream, stream, after, reading: reading.unwrap_or_default() })
    }

    fn label(&mut self, node: &Node) -> Option<Spanned<String>> {
        self.text(node, "a label")
    }

    fn call(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let tool = self.tool(fields.take("call")?, cast);
        let arguments = fields.take("with").map(|node| self.arguments(node)).unwrap_or_default();
        let progress = fields.take("progress").and_then(|node| self.request_id(node));
        let asked = fields.take("asked").and_then(|node| self.label(node));
        let begun = fields.take("begun").and_then(|node| self.label(node));
        let connection = fields.take("connection").and_then(|node| self.text(node, "`connection`"));
        let connection = connection.map(|name| name.value);
        let (upstream, tool) = tool.unzip();
        let kind = tool.map(|tool| RequestKind::Call { tool, arguments });
        let request = self.request(upstream, kind, fields, cast)?;
        Some(Action::Request(Request { progress, asked, begun, connection, ..request }))
    }

    fn list_of(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
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

    fn get(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let prompt = self.prompt(fields.take("get")?, cast);
        let arguments = fields.take("with").map(|node| self.arguments(node)).unwrap_or_default();
        let (upstream, prompt) = prompt.unzip();
        let kind = prompt.map(|prompt| RequestKind::Get { prompt, arguments });
        Some(Action::Request(self.request(upstream, kind, fields, cast)?))
    }

    fn read(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let upstream = self.upstream_name(fields.take("read")?, cast);
        let uri = self.required(fields, "uri", "`read`").and_then(|node| self.text(node, "`uri`"));
        let kind = uri.map(|uri| RequestKind::Read { uri: uri.value });
        Some(Action::Request(self.request(upstream, kind, fields, cast)?))
    }

    fn complete(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
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

    /// Several calls in one POST.
    fn batch(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
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
    fn asked(
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
        let (actor, upstream, kind) = (actor?, upstream?, kind?);
        Some(Request { via, id, held, fault, ..Request::plain(actor, upstream, kind) })
    }

    /// `as:`, which must name somebody.
    fn acting(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Actor> {
        let node = self.required(fields, "as", "this step")?;
        let name = self.text(node, "`as`")?;
        self.actor(&name, cast)
    }

    /// `alice` or `alice.phone`.
    pub(super) fn actor(&mut self, name: &Spanned<String>, cast: &Cast<'_>) -> Option<Actor> {
        let actor = canary::actor(&name.value);
        let Some(user) = cast.users.get(&actor.user) else {
            let known: Vec<&str> = cast.users.keys().map(String::as_str).collect();
            self.unknown("S044", &Spanned::new(actor.user, name.span), "user", &known);
            return None;
        };
        if !user.clients.contains_key(&actor.client) {
            let clients = user.clients.keys().map(|client| Actor { user: actor.user.clone(), client: client.clone() });
            let known: Vec<String> = clients.map(|client| client.to_string()).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            self.unknown("S045", name, "client", &known);
            return None;
        }
        Some(actor)
    }

    fn upstream_name(&mut self, node: &Node, cast: &Cast<'_>) -> Option<String> {
        let name = self.text(node, "an upstream")?;
        if !cast.upstreams.contains_key(&name.value) {
            let known: Vec<&str> = cast.upstreams.keys().map(String::as_str).collect();
            self.unknown("S046", &name, "upstream", &known);
            return None;
        }
        Some(name.value)
    }

    /// An upstream, a group, or `all`.
    fn route(&mut self, node: &Node, cast: &Cast<'_>) -> Option<String> {
        let name = self.text(node, "a route")?;
        let known = cast.routes();
        if !known.contains(&name.value.as_str()) {
            self.unknown("S046", &name, "upstream", &known);
            return None;
        }
        Some(name.value)
    }

    /// `upstream/prompt`.
    fn prompt(&mut self, node: &Node, cast: &Cast<'_>) -> Option<(String, String)> {
        let name = self.text(node, "a prompt")?;
        let Some((upstream, prompt)) = name.value.split_once('/') else {
            self.wrong_help("S047", name.span, "a prompt is written `upstream/prompt`", "for example `db/report`");
            return None;
        };
        let Some(declared) = cast.upstreams.get(upstream) else {
            let known: Vec<&str> = cast.upstreams.keys().map(String::as_str).collect();
            self.unknown("S046", &Spanned::new(upstream.to_owned(), name.span), "upstream", &known);
            return None;
        };
        let kind = declared.kind.parse();
        let known: Vec<&str> = kind.map_or_else(|_| Vec::new(), |kind| prompts(kind).iter().map(|p| p.name).collect());
        if !known.contains(&prompt) {
            self.unknown("S048", &Spanned::new(prompt.to_owned(), name.span), "prompt", &known);
            return None;
        }
        Some((upstream.to_owned(), prompt.to_owned()))
    }

    /// `upstream/tool`.
    fn tool(&mut self, node: &Node, cast: &Cast<'_>) -> Option<(String, String)> {
        let name = self.text(node, "a tool")?;
        let Some((upstream, tool)) = name.value.split_once('/') else {
            self.wrong_help("S047", name.span, "a tool is written `upstream/tool`", "for example `db/echo`");
            return None;
        };
        if !cast.upstreams.contains_key(upstream) {
            let known: Vec<&str> = cast.upstreams.keys().map(String::as_str).collect();
            self.unknown("S046", &Spanned::new(upstream.to_owned(), name.span), "upstream", &known);
            return None;
        }
        let tool = self.tool_of(upstream, &Spanned::new(tool.to_owned(), name.span), cast)?;
        Some((upstream.to_owned(), tool))
    }

    /// A tool of this upstream.
    fn tool_of(&mut self, upstream: &str, tool: &Spanned<String>, cast: &Cast<'_>) -> Option<String> {
        let declared = cast.upstreams.get(upstream)?;
        let kind = declared.kind.parse();
        let (what, known): (&str, Vec<&str>) = if declared.is_server() {
            ("role", grammar::ROLES.iter().map(|(role, ..)| *role).collect())
        } else {
            ("tool", kind.map(|kind| fake_upstreams::tool_names(kind).collect()).unwrap_or_default())
        };
        if !known.contains(&tool.value.as_str()) {
            self.unknown("S048", tool, what, &known);
            return None;
        }
        Some(tool.value.clone())
    }

    fn arguments(&mut self, node: &Node) -> Map<String, Json> {
        match json(node) {
            Json::Object(map) => map,
            _ => {
                self.wrong("S049", node.span, format!("`with` must be a map, and this is {}", node.value.name()));
                Map::new()
            }
        }
    }

    fn request_id(&mut self, node: &Node) -> Option<Json> {
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

    fn send(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let node = fields.take("send")?;
        let raw = self.raw(node, cast);
        let to = fields.take("to").and_then(|node| self.route(node, cast));
        let actor = self.acting(fields, cast);
        let id = fields.take("id").and_then(|node| self.request_id(node));
        let token = self.token(fields.take("token"));
        let (what, of_tool) = raw?;
        let only = (cast.upstreams.len() == 1).then(|| cast.upstreams.keys().next().cloned()).flatten();
        let Some(upstream) = to.or(of_tool).or(only) else {
            self.wrong_help("S053", node.span, "it is not said to which upstream", "add `to:`");
            return None;
        };
        let actor = actor?;
        let session = self.session(fields.take("session"), &upstream, cast)?;
        Some(Action::Send(Send { actor, upstream, what, session, token, id }))
    }

    /// The verb and body, and the upstream that a tool names.
    fn raw(&mut self, node: &Node, cast: &Cast<'_>) -> Option<(Raw, Option<String>)> {
        if let Value::Text(_) = node.value {
            let deletes = self.word(node, "HTTP method", &[("GET", false), ("DELETE", true)])?;
            return Some((if deletes { Raw::Delete } else { Raw::Get }, None));
        }
        let mut fields = self.map(node, "`send`")?;
        let method = self.required(&mut fields, "method", "`send`").and_then(|node| self.text(node, "`method`"));
        let tool = fields.take("tool").map(|node| self.tool(node, cast));
        let arguments = fields.take("with").map(|node| self.arguments(node)).unwrap_or_default();
        self.finish(&fields, "`send`");
        let (upstream, tool) = match tool {
            Some(found) => found.map(|(upstream, tool)| (Some(upstream), Some(tool)))?,
            None => (None, None),
        };
        Some((Raw::Post { method: method?.value, tool, arguments }, upstream))
    }

    fn token(&mut self, node: Option<&Node>) -> TokenChoice {
        let known = [
            ("own", TokenChoice::Own),
            ("absent", TokenChoice::Absent),
            ("unknown", TokenChoice::Unknown),
            ("upstream", TokenChoice::Upstream),
        ];
        node.and_then(|node| self.word(node, "token", &known)).unwrap_or(TokenChoice::Own)
    }

    /// `own`, `absent`, `unknown`, or whose: `alice`, `alice.phone`, `alice@db`.
    fn session(&mut self, node: Option<&Node>, upstream: &str, cast: &Cast<'_>) -> Option<SessionChoice> {
        let Some(node) = node else { return Some(SessionChoice::Own) };
        let name = self.text(node, "`session`")?;
        match name.value.as_str() {
            "own" => return Some(SessionChoice::Own),
            "absent" => return Some(SessionChoice::Absent),
            "unknown" => return Some(SessionChoice::Unknown),
            _ => {}
        }
        let (who, route) = name.value.split_once('@').unwrap_or((&name.value, upstream));
        let who = self.actor(&Spanned::new(who.to_owned(), name.span), cast)?;
        let known = cast.routes();
        if !known.contains(&route) {
            self.unknown("S046", &Spanned::new(route.to_owned(), name.span), "upstream", &known);
            return None;
        }
        Some(SessionChoice::Of { actor: who, upstream: route.to_owned() })
    }
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
