//! The reference model: what a session or an account knows, and so what its owner must be told.
//!
//! It follows from the program alone: each session has a memory of its own, and nobody else's moves are in it.
//! The texts are those of the fakes, word for word, so an answer that holds more, less or something older is seen.

use std::collections::BTreeMap;

use super::program::{Server, Verb};
use crate::scenario::model::ListKind;

/// A client of a user, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    pub(super) user: usize,
    pub(super) client: usize,
}

/// What a session of a `db` remembers, and what an account holds elsewhere. Values are `$canary` forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    project: Option<String>,
    /// In the order in which the keys were first used.
    notes: Vec<(u8, String)>,
    issues: Vec<String>,
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    /// Some answer that is no error.
    Any,
    /// This text and nothing else.
    Exactly(String),
    /// A text with all of these in it.
    Holding(Vec<String>),
    /// A list with all of the first and none of the second.
    Names(Vec<String>, Vec<String>),
    /// An error.
    Error,
}

/// What a verb is at one server: how it is written, what it changes, what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) sort: Sort,
    /// Tool, prompt or URI; empty where there is none.
    pub(super) name: String,
    /// Arguments, each with its text.
    pub(super) with: Vec<(&'static str, String)>,
    pub(super) change: Change,
    pub(super) expected: Expected,
}

/// Which verb of the format asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Call,
    List(ListKind),
    Read,
    Get,
    Ping,
}

/// What a call leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Project(String),
    Note(u8, String),
    Issue(String),
}

/// Everything that a question depends on.
pub(super) struct Asking<'a> {
    pub(super) server: Server,
    pub(super) verb: Verb,
    /// The user's name.
    pub(super) login: &'a str,
    /// Whom a `db` takes the caller for.
    pub(super) known_as: &'a str,
    /// A fresh value of the caller's own.
    pub(super) value: String,
}

fn key(number: u8) -> &'static str {
    ["a", "b"][usize::from(number) % 2]
}

impl Question {
    fn new(sort: Sort, name: &str, expected: Expected) -> Self {
        Self { sort, name: name.to_owned(), with: Vec::new(), change: Change::Nothing, expected }
    }

    fn call(tool: &str, told: impl Into<String>) -> Self {
        Self::new(Sort::Call, tool, Expected::Exactly(told.into()))
    }

    fn with(self, name: &'static str, value: &str) -> Self {
        Self { with: vec![(name, value.to_owned())], ..self }
    }

    fn leaves(self, change: Change) -> Self {
        Self { change, ..self }
    }

    /// Whether it leaves something behind.
    pub(super) fn writes(&self) -> bool {
        self.change != Change::Nothing
    }
}

impl Memory {
    /// What a verb is here and now.
    pub(super) fn question(&self, asking: &Asking<'_>) -> Question {
        let Asking { server, verb, value, login, .. } = asking;
        match verb {
            Verb::Echo => Question::call("echo", value).with("text", value),
            Verb::Ping => Question::new(Sort::Ping, "", Expected::Any),
            Verb::List(what) => Question::new(Sort::List(*what), "", self.names(*server, *what, login)),
            Verb::ReadAbout => Question::new(Sort::Read, "about://server", Expected::Exactly(about(*server).into())),
            _ => match server {
                Server::Db | Server::Notes => self.of_session(asking),
                Server::Github => self.of_github(asking),
                Server::Jira => self.of_jira(asking),
            },
        }
    }

    /// Takes in what a call left behind.
    pub(super) fn take(&mut self, change: Change) {
        match change {
            Change::Nothing => {}
            Change::Project(project) => self.project = Some(project),
            Change::Issue(title) => self.issues.push(title),
            Change::Note(key, value) => match self.notes.iter_mut().find(|(own, _)| *own == key) {
                Some((_, old)) => *old = value,
                None => self.notes.push((key, value)),
            },
        }
    }

    /// `get_data`.
    fn data(&self) -> String {
        let mut data = format!("project {} session <mark>", self.project.as_deref().unwrap_or("none"));
        for (number, value) in &self.notes {
            data.push_str(&format!("\nnote {} = {value}", key(*number)));
        }
        data
    }

    fn note(&self, number: u8) -> Option<&str> {
        self.notes.iter().find(|(own, _)| *own == number % 2).map(|(_, value)| value.as_str())
    }

    fn of_session(&self, asking: &Asking<'_>) -> Question {
        let value = &asking.value;
        match asking.verb {
            Verb::Change => Question::call("set_context", format!("this session now works on project {value}"))
                .with("project", value)
                .leaves(Change::Project(value.clone())),
            Verb::Note(number) => {
                let mut question = Question::call("insert", format!("stored {}", key(number)));
                question.with = vec![("key", key(number).to_owned()), ("value", value.clone())];
                question.leaves(Change::Note(number % 2, value.clone()))
            }
            Verb::Find(number) => {
                let sql = format!("SELECT value FROM notes WHERE key = '{}'", key(number));
                Question::call("query", self.note(number).unwrap_or_default()).with("sql", &sql)
            }
            Verb::Whoami => Question::call("whoami", format!("you are {}", asking.known_as)),
            Verb::ReadOwn(0) => Question::new(Sort::Read, "db://context", Expected::Exactly(self.data())),
            Verb::ReadOwn(number) => {
                let expected = self.note(number).map_or(Expected::Error, |value| Expected::Exactly(value.to_owned()));
                Question::new(Sort::Read, &format!("note://{}", key(number)), expected)
            }
            Verb::Prompt => {
                let told = format!("Please report {value}.\n{}", self.data());
                Question::new(Sort::Get, "report", Expected::Exactly(told)).with("project", value)
            }
            _ => Question::call("get_data", self.data()),
        }
    }

    fn of_github(&self, asking: &Asking<'_>) -> Question {
        let Asking { value, login, .. } = asking;
        match asking.verb {
            Verb::Change | Verb::Note(_) => {
                Question::call("create_issue", format!("{login} opened #{}: {value}", self.issues.len() + 1))
                    .with("title", value)
                    .leaves(Change::Issue(value.clone()))
            }
            Verb::Find(_) => Question::call("list_repos", format!("{login}/dotfiles\n{login}/<mark>")),
            Verb::Whoami => Question::call("whoami", format!("you are {login} (<mark>)")),
            Verb::ReadOwn(_) => {
                let told = Expected::Exactly(format!("README of {login}/dotfiles (<mark>)"));
                Question::new(Sort::Read, &format!("repo://{login}/dotfiles"), told)
            }
            Verb::Prompt => {
                let told = format!("Please review {value}.\nI am {login} (<mark>).");
                Question::new(Sort::Get, "review", Expected::Exactly(told)).with("repo", value)
            }
            _ => Question::call("list_issues", format!("issues of {login} (<mark>):\n{}", self.issues.join("\n"))),
        }
    }

    fn of_jira(&self, asking: &Asking<'_>) -> Question {
        let Asking { value, login, .. } = asking;
        match asking.verb {
            Verb::Change | Verb::Note(_) => {
                let number = format!("{}-{}", login.to_uppercase(), self.issues.len() + 1);
                let question = Question::new(Sort::Call, "create_issue", Expected::Holding(vec![number]));
                question.with("title", value).leaves(Change::Issue(value.clone()))
            }
            Verb::Whoami | Verb::ReadOwn(_) => {
                Question::new(Sort::Call, "whoami", Expected::Holding(vec![(*login).to_owned()]))
            }
            Verb::Prompt => {
                let told = Expected::Exactly(format!("Please triage {value}.\n"));
                Question::new(Sort::Get, "triage", told).with("issue", value)
            }
            _ if self.issues.is_empty() => Question::new(Sort::Call, "search", Expected::Any).with("text", ""),
            _ => Question::new(Sort::Call, "search", Expected::Holding(self.issues.clone())).with("text", ""),
        }
    }

    fn names(&self, server: Server, what: ListKind, login: &str) -> Expected {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        match (what, server) {
            (ListKind::Tools, server) => Expected::Names(owned(tools(server)), Vec::new()),
            (ListKind::Prompts, Server::Db | Server::Notes) => Expected::Names(owned(&["report"]), Vec::new()),
            (ListKind::Prompts, Server::Github) => Expected::Names(owned(&["review"]), Vec::new()),
            (ListKind::Prompts, Server::Jira) => Expected::Names(owned(&["triage"]), Vec::new()),
            (ListKind::Resources, Server::Db | Server::Notes) => {
                let uri = |number: &u8| format!("note://{}", key(*number));
                let (there, absent): (Vec<u8>, Vec<u8>) = (0..2).partition(|number| self.note(*number).is_some());
                let mut names = owned(&["about://server", "db://context"]);
                names.extend(there.iter().map(uri));
                Expected::Names(names, absent.iter().map(uri).collect())
            }
            (ListKind::Resources, Server::Github) => {
                Expected::Names(vec![format!("repo://{login}/dotfiles")], Vec::new())
            }
            (ListKind::Resources, Server::Jira) => Expected::Names(owned(&["about://server"]), Vec::new()),
            (ListKind::Templates, Server::Db | Server::Notes) => Expected::Names(owned(&["note://{key}"]), Vec::new()),
            (ListKind::Templates, Server::Github) => Expected::Names(owned(&["repo://{owner}/{name}"]), Vec::new()),
            (ListKind::Templates, Server::Jira) => Expected::Any,
        }
    }
}

/// Every tool of a server.
pub(super) fn tools(server: Server) -> &'static [&'static str] {
    match server {
        Server::Db | Server::Notes => &["echo", "set_context", "get_data", "insert", "query", "whoami"],
        Server::Github => &["whoami", "list_repos", "list_issues", "echo", "create_issue"],
        Server::Jira => &["whoami", "search", "echo", "create_issue", "transition"],
    }
}

fn about(server: Server) -> &'static str {
    match server {
        Server::Db | Server::Notes => "a database",
        Server::Github => "a code host",
        Server::Jira => "an issue tracker",
    }
}

/// Memories by what they belong to.
pub(super) type Accounts = BTreeMap<(usize, Server), Memory>;
