//! Names in a step: who acts, on which route, which tool or prompt.

use fake_upstreams::{Kind, prompts, stateless_tool_names, tool_names};
use indexmap::IndexMap;

use super::{
    super::{
        canary, grammar,
        model::{Actor, Upstream, User},
        source::Spanned,
        tree::Node,
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
    pub(super) fn routes(&self) -> Vec<&str> {
        let named = self.upstreams.keys().chain(self.groups.keys()).map(String::as_str);
        named.chain([grammar::ALL]).collect()
    }
}

impl Lowering<'_> {
    /// `as:`, which must name somebody.
    pub(super) fn acting(&mut self, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Actor> {
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

    pub(super) fn upstream_name(&mut self, node: &Node, cast: &Cast<'_>) -> Option<String> {
        let name = self.text(node, "an upstream")?;
        if !cast.upstreams.contains_key(&name.value) {
            let known: Vec<&str> = cast.upstreams.keys().map(String::as_str).collect();
            self.unknown("S046", &name, "upstream", &known);
            return None;
        }
        Some(name.value)
    }

    /// An upstream, a group, or `all`.
    pub(super) fn route(&mut self, node: &Node, cast: &Cast<'_>) -> Option<String> {
        let name = self.text(node, "a route")?;
        let known = cast.routes();
        if !known.contains(&name.value.as_str()) {
            self.unknown("S046", &name, "upstream", &known);
            return None;
        }
        Some(name.value)
    }

    /// `upstream/prompt`.
    pub(super) fn prompt(&mut self, node: &Node, cast: &Cast<'_>) -> Option<(String, String)> {
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
    pub(super) fn tool(&mut self, node: &Node, cast: &Cast<'_>) -> Option<(String, String)> {
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
    pub(super) fn tool_of(&mut self, upstream: &str, tool: &Spanned<String>, cast: &Cast<'_>) -> Option<String> {
        let declared = cast.upstreams.get(upstream)?;
        let kind = declared.kind.parse();
        let (what, known): (&str, Vec<&str>) = if declared.is_server() {
            ("role", grammar::ROLES.iter().map(|(role, ..)| *role).collect())
        } else {
            ("tool", kind.map(tools_of).unwrap_or_default())
        };
        if !known.contains(&tool.value.as_str()) {
            self.unknown("S048", tool, what, &known);
            return None;
        }
        Some(tool.value.clone())
    }
}

/// The tools of a fake in either era: a file may be played in both.
fn tools_of(kind: Kind) -> Vec<&'static str> {
    let mut names: Vec<&str> = tool_names(kind).collect();
    let more: Vec<&str> = stateless_tool_names(kind).filter(|name| !names.contains(name)).collect();
    names.extend(more);
    names
}
