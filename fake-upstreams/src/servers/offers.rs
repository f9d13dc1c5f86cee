//! What a fake offers besides tools: prompts, resources, templates, completions.

use serde_json::{Map, Value, json};

use crate::Kind;

/// A resource that every kind has, so that two servers clash where a hub shows them as one.
pub(crate) const ABOUT: &str = "about://server";

/// A prompt with its only argument.
#[derive(Debug, Clone, Copy)]
pub struct Prompt {
    /// Its name.
    pub name: &'static str,
    description: &'static str,
    argument: &'static str,
}

/// The prompts of a kind.
pub fn prompts(kind: Kind) -> &'static [Prompt] {
    match kind {
        Kind::Db => &[Prompt {
            name: "report",
            description: "Asks for a report on a project, with this session's data.",
            argument: "project",
        }],
        Kind::Github => {
            &[Prompt { name: "review", description: "Asks for a review of a repository.", argument: "repo" }]
        }
        // Its prompts have arguments of every number.
        Kind::Lab => &[],
        Kind::Jira => &[Prompt { name: "triage", description: "Asks to sort out an issue.", argument: "issue" }],
    }
}

/// The resource templates of a kind.
pub(crate) fn templates(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Db => &["note://{key}"],
        Kind::Github => &["repo://{owner}/{name}"],
        Kind::Jira | Kind::Lab => &[],
    }
}

/// The same for requests on their own: what belongs to a context of `db` names it.
pub(crate) fn stateless_templates(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Db => &["db://{context}", "note://{context}/{key}"],
        Kind::Github | Kind::Jira | Kind::Lab => templates(kind),
    }
}

impl Prompt {
    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "description": self.description,
            "arguments": [{ "name": self.argument, "required": true }],
        })
    }
}

/// What a caller's own data looks like to the lists, as a server sees it at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shelf {
    /// URI and content of every resource.
    pub(crate) resources: Vec<(String, String)>,
    /// What may be completed.
    pub(crate) words: Vec<String>,
    /// What a prompt adds of its own.
    pub(crate) preface: String,
}

impl Shelf {
    /// The text of a prompt.
    pub(crate) fn prompt(&self, name: &str, arguments: &Map<String, Value>) -> String {
        let given: Vec<&str> = arguments.values().filter_map(Value::as_str).collect();
        format!("Please {name} {}.\n{}", given.join(" "), self.preface)
    }

    /// The content of a resource.
    pub(crate) fn read(&self, uri: &str) -> Option<&str> {
        self.resources.iter().find(|(own, _)| own == uri).map(|(_, content)| content.as_str())
    }

    /// Words that begin like this.
    pub(crate) fn complete(&self, start: &str) -> Vec<&str> {
        self.words.iter().map(String::as_str).filter(|word| word.starts_with(start)).collect()
    }
}
