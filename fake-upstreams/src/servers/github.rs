//! `github`: a code host that acts for the account whose token a request carries, and for no other.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Tool,
    offers::{ABOUT, Shelf},
};

pub(crate) const TOOLS: [Tool; 5] = [
    Tool { name: "whoami", description: "Says whose token this is.", parameters: &[], scope: "read", ..Tool::PLAIN },
    Tool {
        name: "list_repos",
        description: "Lists the caller's repositories.",
        parameters: &[],
        scope: "read",
        ..Tool::PLAIN
    },
    Tool {
        name: "list_issues",
        description: "Lists the issues the caller opened.",
        parameters: &[],
        scope: "read",
        ..Tool::PLAIN
    },
    Tool::ECHO,
    Tool {
        name: "create_issue",
        description: "Opens an issue in the caller's name.",
        parameters: &[("title", "string")],
        scope: "write",
        ..Tool::PLAIN
    },
];

/// What the host stores, by login.
#[derive(Debug, Default)]
pub(crate) struct Host {
    issues: BTreeMap<String, Vec<String>>,
}

impl Host {
    /// The repositories of `login` as resources.
    pub(crate) fn shelf(login: &str, mark: &str) -> Shelf {
        let repositories = [format!("{login}/dotfiles"), format!("{login}/{mark}")];
        let mut resources = vec![(ABOUT.to_owned(), "a code host".to_owned())];
        resources
            .extend(repositories.iter().map(|name| (format!("repo://{name}"), format!("README of {name} ({mark})"))));
        Shelf { resources, words: repositories.to_vec(), preface: format!("I am {login} ({mark}).") }
    }

    /// Runs a tool for `login`, whose data at rest carries `mark`.
    pub(crate) fn run(
        &mut self,
        login: &str,
        mark: &str,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> Result<String, String> {
        let text = |name: &str| {
            let value = arguments.get(name).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("`{name}` must be a string"))
        };
        match tool {
            "whoami" => Ok(format!("you are {login} ({mark})")),
            "list_repos" => Ok(format!("{login}/dotfiles\n{login}/{mark}")),
            "list_issues" => {
                let issues = self.issues.get(login).map(|titles| titles.join("\n"));
                Ok(format!("issues of {login} ({mark}):\n{}", issues.unwrap_or_default()))
            }
            "create_issue" => {
                let title = text("title")?;
                let issues = self.issues.entry(login.to_owned()).or_default();
                issues.push(title.clone());
                Ok(format!("{login} opened #{}: {title}", issues.len()))
            }
            _ => text("text"),
        }
    }
}
