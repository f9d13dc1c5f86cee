//! A program as a scenario file. The file is all that is ever played: what is found can be kept as it is.

use std::{fmt::Write as _, sync::Arc};

use super::{
    memory::Who,
    program::{CLIENTS, Key, Limit, NAMES, Program, Server},
    script::{Script, Step, script},
};
use crate::{
    diagnostics::{Style, render},
    registry::Registry,
    run::{Cell, Options, plan},
    scenario::{self, model::CredentialMode, source::Source},
};

/// The group of all files that are written here.
pub const GROUP: &str = "explored";
/// What a program sees before anybody knows what it shows.
const UNKNOWN_BUG: &str = "one-upstream-session-for-all";

/// What a file says of itself besides its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The file's name, in the group [`GROUP`].
    pub name: String,
    /// Lines of comment, without their `#`.
    pub comment: Vec<String>,
    /// The promise, in a sentence.
    pub title: String,
    /// Bug classes; never empty.
    pub bugs: Vec<String>,
}

/// A program as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `explored/name`.
    pub id: String,
    /// The text.
    pub text: String,
    /// How many steps it has.
    pub steps: usize,
}

impl Heading {
    /// Of a program of which nothing is known yet.
    pub fn unknown(name: &str) -> Self {
        let title = "Everybody gets what is their own".to_owned();
        Self { name: name.to_owned(), comment: Vec::new(), title, bugs: vec![UNKNOWN_BUG.to_owned()] }
    }
}

impl Written {
    /// Writes a program.
    pub fn new(program: &Program, heading: &Heading) -> Self {
        let script = script(program);
        let id = format!("{GROUP}/{}", heading.name);
        let steps = script.steps.len();
        Self { text: text(program, &script, heading, &id), id, steps }
    }

    /// Loads it, as it would be loaded from a folder.
    ///
    /// # Errors
    /// What is wrong with it, which is a fault of this module.
    pub fn cell(&self, registry: &Registry) -> Result<Cell, String> {
        let source = Source { path: format!("{}.yaml", self.id).into(), text: self.text.as_str().into() };
        let scenario = scenario::load(&source, registry).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(|problem| render(problem, Style::default())).collect();
            format!("a program was written down wrong\n{}\n{}", told.join("\n"), self.text)
        })?;
        let mut cells = plan(&[Arc::new(scenario)], &Options::default());
        cells.pop().filter(|_| cells.is_empty()).ok_or_else(|| "a program has one cell".to_owned())
    }
}

fn text(program: &Program, script: &Script, heading: &Heading, id: &str) -> String {
    let mut out = String::from("# yaml-language-server: $schema=../../schema/scenario.schema.json\n");
    for line in &heading.comment {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# {line}");
    }
    let bugs = heading.bugs.join(", ");
    let title = serde_json::Value::from(heading.title.as_str());
    let _ = writeln!(out, "scenario: {id}\ntitle: {title}\nbugs: [{bugs}]");
    out.push_str(&users(program, script));
    out.push_str(&upstreams(program, script));
    let _ = writeln!(out, "revisions: [{}]\ncredentials: [{}]", program.revision, program.credentials());
    let needs = needs(program, script);
    if !needs.is_empty() {
        let _ = writeln!(out, "needs: [{}]", needs.join(", "));
    }
    if let Some(limits) = limits(program, script) {
        let _ = writeln!(out, "limits: {{ {limits} }}");
    }
    if program.seed != 0 {
        let _ = writeln!(out, "seed: {}", program.seed);
    }
    out.push_str("\nsteps:\n");
    for step in &script.steps {
        write_step(&mut out, step);
    }
    out
}

fn write_step(out: &mut String, step: &Step) {
    for (number, (key, value)) in step.iter().enumerate() {
        let start = if number == 0 { "  - " } else { "    " };
        let _ = writeln!(out, "{start}{key}: {value}");
    }
}

/// Those whom a step names, by place.
fn named<'s>(script: &'s Script, user: usize) -> impl Iterator<Item = &'s Who> + use<'s> {
    script.people.iter().filter(move |who| who.user == user)
}

fn users(program: &Program, script: &Script) -> String {
    let mut out = String::from("users:\n");
    for (user, person) in program.users.iter().enumerate() {
        if named(script, user).next().is_none() {
            continue;
        }
        let mut parts = Vec::new();
        if person.clients.len() > 1 {
            let clients: Vec<String> = named(script, user)
                .map(|who| format!("{}: {}", CLIENTS[who.client], key(person.clients[who.client].key)))
                .collect();
            parts.push(format!("clients: {{ {} }}", clients.join(", ")));
        }
        let first = program.servers.first().filter(|server| person.unlinked && script.servers.contains(server));
        parts.extend(first.map(|server| format!("unlinked: [{}]", server.name())));
        let parts = if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) };
        let _ = writeln!(out, "  {}: {parts}", NAMES[user]);
    }
    out
}

fn key(key: Key) -> &'static str {
    match key {
        Key::A => "key-a",
        Key::B => "key-b",
    }
}

/// The first server's operator has given the hub a credential of its own, where somebody lacks one there: it must
/// not be lent.
fn upstreams(program: &Program, script: &Script) -> String {
    let lacking = program.users.iter().enumerate().any(|(user, p)| p.unlinked && named(script, user).next().is_some());
    let lent = program.servers.first().filter(|_| lacking && program.credentials() == CredentialMode::PerUser);
    let plain = !script.servers.contains(&Server::Notes) && lent.is_none_or(|server| !script.servers.contains(server));
    if plain {
        let names: Vec<&str> = script.servers.iter().map(|server| server.name()).collect();
        return format!("upstreams: [{}]\n", names.join(", "));
    }
    let mut out = String::from("upstreams:\n");
    for server in &script.servers {
        let kind = (*server == Server::Notes).then_some("kind: db");
        let service = (lent == Some(server)).then_some("service-credential: present");
        let parts: Vec<&str> = kind.into_iter().chain(service).collect();
        let parts = if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) };
        let _ = writeln!(out, "  {}: {parts}", server.name());
    }
    out
}

fn needs(program: &Program, script: &Script) -> Vec<&'static str> {
    let many_keys = program.users.iter().enumerate().any(|(user, person)| {
        let keys: Vec<Key> = named(script, user).map(|who| person.clients[who.client].key).collect();
        keys.contains(&Key::A) && keys.contains(&Key::B)
    });
    let limited = script.moves_clock || matches!(program.limit, Limit::Sessions(_));
    let all = [
        ("clock", script.moves_clock),
        ("limits", limited),
        ("keys", many_keys),
        ("routes", script.servers.len() > 1),
        ("groups", script.merges),
        ("cache", program.limit == Limit::Cache),
    ];
    all.into_iter().filter(|(_, needed)| *needed).map(|(need, _)| need).collect()
}

fn limits(program: &Program, script: &Script) -> Option<String> {
    match program.limit {
        Limit::Cache => Some("cache: 60s".to_owned()),
        Limit::CallTimeout if script.moves_clock => Some("call-timeout: 5s".to_owned()),
        Limit::Sessions(most) => Some(format!("sessions-per-user: {most}")),
        Limit::None | Limit::CallTimeout => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::ProptestConfig, prop_assert_eq, proptest};

    use super::*;
    use crate::explore::strategy::programs;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_program_is_a_file_that_says_the_same(program in programs(1..=8)) {
            let written = Written::new(&program, &Heading::unknown("some"));
            let cell = written.cell(&Registry::embedded());
            let cell = cell.map_err(proptest::test_runner::TestCaseError::fail)?;
            prop_assert_eq!(cell.scenario.steps.len(), written.steps);
            prop_assert_eq!(cell.seed(0), program.seed);
            prop_assert_eq!(cell.credentials, program.credentials());
        }
    }
}
