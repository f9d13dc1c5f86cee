//! The lists of tools.

use serde_json::{Map, Value, json};

use super::{db, github, jira, lab};
use crate::Kind;

/// A parameter: name and JSON type.
type Parameter = (&'static str, &'static str);

/// One tool as `tools/list` shows it.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// Its required parameters: name and JSON type.
    pub parameters: &'static [Parameter],
    /// Parameters that may be left out.
    pub optional: &'static [Parameter],
    /// Parameters that a client of the stateless era repeats in a header: the parameter, and what follows `Mcp-Param-`.
    pub headers: &'static [(&'static str, &'static str)],
    /// The whole schema of its parameters as JSON, where that says more.
    pub schema: Option<&'static str>,
    /// Whether lists show it.
    pub listed: bool,
    /// The scope that a caller needs, where the server knows scopes.
    pub scope: &'static str,
}

/// The tools that a fake has inside a session, in the order in which it lists them.
pub fn tools(kind: Kind) -> &'static [Tool] {
    match kind {
        Kind::Db => &db::TOOLS,
        Kind::Github => &github::TOOLS,
        Kind::Jira => &jira::tools::TOOLS,
        Kind::Lab => lab::tools(),
    }
}

/// The tools that it has for requests on their own: the same, but for `db`, whose state is named by a handle there.
pub fn stateless_tools(kind: Kind) -> &'static [Tool] {
    match kind {
        Kind::Db => &db::STATELESS_TOOLS,
        Kind::Github | Kind::Jira => tools(kind),
        Kind::Lab => lab::stateless_tools(),
    }
}

/// The names of the tools that it has inside a session.
pub fn tool_names(kind: Kind) -> impl Iterator<Item = &'static str> {
    tools(kind).iter().map(|tool| tool.name)
}

/// The names of the tools that it has for requests on their own.
pub fn stateless_tool_names(kind: Kind) -> impl Iterator<Item = &'static str> {
    stateless_tools(kind).iter().map(|tool| tool.name)
}

impl Tool {
    /// What a tool is where it does not say: no parameters, read by anyone.
    pub(crate) const PLAIN: Self = Self {
        name: "",
        description: "",
        parameters: &[],
        optional: &[],
        headers: &[],
        schema: None,
        listed: true,
        scope: "read",
    };

    /// The tool that every fake but `lab` has.
    pub(crate) const ECHO: Self =
        Self { name: "echo", description: "Returns its text.", parameters: &[("text", "string")], ..Self::PLAIN };

    pub(crate) fn json(&self) -> Value {
        let (name, description) = (self.name, self.description);
        if let Some(Ok(schema)) = self.schema.map(serde_json::from_str::<Value>) {
            return json!({ "name": name, "description": description, "inputSchema": schema });
        }
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| *name).collect();
        let all = self.parameters.iter().chain(self.optional);
        let properties: Map<String, Value> =
            all.map(|(name, kind)| ((*name).to_owned(), self.schema(name, kind))).collect();
        json!({
            "name": name,
            "description": description,
            "inputSchema": { "type": "object", "properties": properties, "required": names },
        })
    }

    fn schema(&self, parameter: &str, kind: &str) -> Value {
        match self.headers.iter().find(|(name, _)| *name == parameter) {
            Some((_, header)) => json!({ "type": kind, "x-mcp-header": header }),
            None => json!({ "type": kind }),
        }
    }
}
