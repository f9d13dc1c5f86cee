//! Raw HTTP: what a polite client would not send.

use serde_json::Value as Json;

use super::{
    super::{
        model::{Action, Layout, Raw, Send, SessionChoice, TokenChoice},
        source::Spanned,
        tree::{Node, Value},
    },
    Lowering,
    fields::Fields,
    names::Cast,
    words::json,
};

/// What stands for a header or a member that is left out.
const ABSENT: &str = "absent";
/// How the names of the specification's own members of `_meta` begin.
const PREFIX: &str = "io.modelcontextprotocol/";
/// Those that a file may write without it.
const SHORT: [&str; 5] = ["protocolVersion", "clientInfo", "clientCapabilities", "logLevel", "subscriptionId"];

impl Lowering<'_> {
    pub(super) fn send(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        let node = fields.take("send")?;
        let raw = self.raw(node, cast);
        let to = fields.take("to").and_then(|node| self.route(node, cast));
        let actor = self.acting(fields, cast);
        let id = fields.take("id").and_then(|node| self.request_id(node));
        let token = self.token(fields.take("token"));
        let headers = fields.take("headers").map(|node| self.headers(node)).unwrap_or_default();
        let meta = fields.take("meta").map(|node| self.meta(node)).unwrap_or_default();
        let (what, of_tool) = raw?;
        let only = (cast.upstreams.len() == 1).then(|| cast.upstreams.keys().next().cloned()).flatten();
        let Some(upstream) = to.or(of_tool).or(only) else {
            self.wrong_help("S053", node.span, "it is not said to which upstream", "add `to:`");
            return None;
        };
        let actor = actor?;
        let session = self.session(fields.take("session"), &upstream, cast)?;
        Some(Action::Send(Send { actor, upstream, what, session, token, id, headers, meta }))
    }

    /// Headers by their names, `absent` for one that is left out.
    fn headers(&mut self, node: &Node) -> Vec<(String, Option<String>)> {
        let mut headers = Vec::new();
        for (name, node) in self.entries(node, "`headers`", "write `headers: { mcp-method: tools/list }`") {
            let value = self.text(node, "a header");
            headers.extend(
                value.map(|value| (name.value.to_ascii_lowercase(), Some(value.value).filter(|value| value != ABSENT))),
            );
        }
        headers
    }

    /// Members of `params._meta`; those of the specification go by their short names.
    fn meta(&mut self, node: &Node) -> Vec<(String, Option<Json>)> {
        let help = "write `meta: { clientCapabilities: absent }`";
        let members = self.entries(node, "`meta`", help).iter().map(|(name, node)| {
            let known = SHORT.contains(&name.value.as_str());
            let name = if known { format!("{PREFIX}{}", name.value) } else { name.value.clone() };
            (name, Some(json(node)).filter(|value| value != ABSENT))
        });
        members.collect()
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
        let layouts = [("line", Layout::Line), ("lines", Layout::Lines)];
        let layout = fields.take("layout").and_then(|node| self.word(node, "layout", &layouts)).unwrap_or_default();
        self.finish(&fields, "`send`");
        let (upstream, tool) = match tool {
            Some(found) => found.map(|(upstream, tool)| (Some(upstream), Some(tool)))?,
            None => (None, None),
        };
        Some((Raw::Post { method: method?.value, tool, arguments, layout }, upstream))
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
