//! The lists of tools.

use serde_json::{Value, json};

use super::{db, github, jira};
use crate::Kind;

/// One tool as `tools/list` shows it.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// Its parameters: name and JSON type. All are required.
    pub parameters: &'static [(&'static str, &'static str)],
    /// The scope that a caller needs, where the server knows scopes.
    pub scope: &'static str,
}

/// The tools of a fake, in the order in which it lists them.
pub fn tools(kind: Kind) -> &'static [Tool] {
    match kind {
        Kind::Db => &db::TOOLS,
        Kind::Github => &github::TOOLS,
        Kind::Jira => &jira::tools::TOOLS,
    }
}

/// Their names.
pub fn tool_names(kind: Kind) -> impl Iterator<Item = &'static str> {
    tools(kind).iter().map(|tool| tool.name)
}

impl Tool {
    pub(crate) fn json(&self) -> Value {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| *name).collect();
        let properties: serde_json::Map<String, Value> =
            self.parameters.iter().map(|(name, kind)| ((*name).to_owned(), json!({ "type": kind }))).collect();
        json!({
            "name": self.name,
            "description": self.description,
            "inputSchema": { "type": "object", "properties": properties, "required": names },
        })
    }
}
