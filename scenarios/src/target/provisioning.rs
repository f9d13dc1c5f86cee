//! Requests and commands that tell a hub about its users and upstreams, and what is kept of their answers.

use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{process::Command, time};

use super::{
    Provision,
    file::{
        fill::{Values, fill},
        model::{Each, Provisioning, What},
        template,
    },
    process::{self, Process},
    room::{self, Trouble},
};
use crate::{
    diagnostics::Diagnostic,
    engine::{
        cast,
        client::{self, Outgoing},
    },
    scenario::source::{Source, Spanned},
};

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Characters of an answer that a message shows.
const SHOWN: usize = 300;

/// Does the steps of one list, in order.
pub(super) struct Provisioner<'p> {
    pub(super) source: &'p Source,
    pub(super) folder: &'p Path,
    pub(super) provision: &'p Provision<'p>,
    pub(super) values: &'p Values,
    pub(super) context: &'p Value,
    /// The hub's process, once it was started.
    pub(super) process: Option<&'p Process>,
}

/// What the steps have learned.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Keys that the hub chose itself, by actor.
    pub keys: BTreeMap<String, String>,
    /// Captures by whom they are of: nobody, a user, a user's key, an upstream.
    captured: BTreeMap<Whom, Values>,
    /// How many steps were done.
    pub done: usize,
}

/// For whom a step is done this time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whom {
    Nobody,
    User(String),
    Key(String, String),
    Upstream(String),
}

impl Provisioner<'_> {
    /// All steps, after those by which this much was learned.
    pub(super) async fn run(&self, steps: &[Provisioning], mut kept: Kept) -> Result<Kept, Trouble> {
        let earlier = self.process.map(Process::written).unwrap_or_default();
        for step in steps {
            for whom in self.everybody(step.each) {
                let answer = self.step(step, &whom, &kept, earlier).await?;
                self.capture(step, &whom, &answer, &mut kept)?;
                kept.done += 1;
            }
        }
        Ok(kept)
    }

    fn everybody(&self, each: Each) -> Vec<Whom> {
        let facts = self.provision.facts;
        let users = facts.scenario.users.keys();
        match each {
            Each::Once => vec![Whom::Nobody],
            Each::User => users.cloned().map(Whom::User).collect(),
            Each::Key => users
                .flat_map(|user| template::keys(facts, user).into_iter().map(|(key, _)| Whom::Key(user.clone(), key)))
                .collect(),
            Each::Upstream => self.provision.upstreams.keys().cloned().map(Whom::Upstream).collect(),
        }
    }

    async fn step(&self, step: &Provisioning, whom: &Whom, kept: &Kept, earlier: u64) -> Result<String, Trouble> {
        let values = self.values_of(whom, kept);
        match &step.what {
            What::Command(command) => {
                let command: Vec<String> =
                    command.iter().map(|part| self.fill(part, &values)).collect::<Result<_, _>>()?;
                self.command(step, &command).await
            }
            What::Says(words) => {
                let process = self.process.ok_or_else(|| {
                    let message = "what it writes is not seen: it was not started from here".to_owned();
                    self.trouble(step, message, "begin with `start`, or leave `says` out")
                })?;
                let words = self.fill(words, &values)?;
                let said = time::timeout(PATIENCE, process.says(&words, earlier)).await;
                said.map_err(|_| {
                    let message = format!("it did not write a line with `{words}` within {} s", PATIENCE.as_secs());
                    self.trouble(step, message, "compare with what it writes when the step before is done by hand")
                })?;
                Ok(String::new())
            }
            What::Request { method, url, headers, body, status } => {
                let endpoint = room::endpoint(&self.fill(url, &values)?)
                    .map_err(|message| self.trouble(step, message, "write a whole URL: `{url}/admin/users`"))?;
                let mut written = Vec::new();
                for (name, value) in headers {
                    written.push((name.to_lowercase(), self.fill(value, &values)?));
                }
                if body.is_some() && written.iter().all(|(name, _)| name != "content-type") {
                    written.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                let body = match body {
                    Some(body) => body.render(&self.context_of(whom, &values))?,
                    None => String::new(),
                };
                let outgoing = Outgoing { method: method.clone(), headers: written, body };
                let asked = time::timeout(PATIENCE, client::send(&endpoint, outgoing)).await;
                let reply = asked.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
                let reply =
                    reply.map_err(|reason| self.trouble(step, reason, "is the hub ready when `ready` says so?"))?;
                let fine = status.map_or((200..300).contains(&reply.status), |wanted| wanted == reply.status);
                if !fine {
                    let wanted = status.map_or("a success".to_owned(), |status| status.to_string());
                    let message = format!("HTTP {} came where {wanted} must come: {}", reply.status, cut(&reply.body));
                    return Err(self.trouble(step, message, "compare the step with the hub's own documentation"));
                }
                Ok(reply.body)
            }
        }
    }

    async fn command(&self, step: &Provisioning, command: &[String]) -> Result<String, Trouble> {
        let Some((program, arguments)) = command.split_first() else { return Ok(String::new()) };
        let program = process::located(self.folder, program);
        let mut running = Command::new(&program);
        running.args(arguments).current_dir(self.folder).stdin(Stdio::null()).kill_on_drop(true);
        let program = program.display();
        let help = "try the command by hand";
        let output = time::timeout(PATIENCE, running.output()).await;
        let output = output.map_err(|_| {
            self.trouble(step, format!("`{program}` did not end within {} s", PATIENCE.as_secs()), help)
        })?;
        let output =
            output.map_err(|error| self.trouble(step, format!("`{program}` cannot be started: {error}"), help))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let message = format!("`{program}` ended with {}: {}", output.status, cut(&said));
            return Err(self.trouble(step, message, help));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn capture(&self, step: &Provisioning, whom: &Whom, answer: &str, kept: &mut Kept) -> Result<(), Trouble> {
        if step.capture.is_empty() {
            return Ok(());
        }
        let parsed: Value = serde_json::from_str(answer).map_err(|_| {
            let message = format!("the answer is no JSON, so nothing can be captured of it: {}", cut(answer));
            self.trouble(step, message, "leave `capture` out, or ask the hub for JSON")
        })?;
        for (name, pointer) in &step.capture {
            let value = match parsed.pointer(pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                _ => {
                    let message = format!("nothing at `{pointer}` to capture as `{}` in {}", name.value, cut(answer));
                    let help = "a capture is a JSON pointer to a text or number, for example /data/key";
                    return Err(Box::new(Diagnostic::error("T051", message, self.source, name.span).help(help)));
                }
            };
            if name.value == "key" {
                self.key(whom, &value, kept);
            }
            kept.captured.entry(whom.clone()).or_default().insert(name.value.clone(), value);
        }
        Ok(())
    }

    /// A key that the hub chose is the one that the user shows from now on.
    fn key(&self, whom: &Whom, value: &str, kept: &mut Kept) {
        for (actor, name) in cast::actors(&self.provision.facts.scenario) {
            let meant = match whom {
                Whom::User(user) => actor.user == *user,
                Whom::Key(user, key) => actor.user == *user && name == key,
                Whom::Nobody | Whom::Upstream(_) => false,
            };
            if meant {
                kept.keys.insert(actor.to_string(), value.to_owned());
            }
        }
    }

    fn values_of(&self, whom: &Whom, kept: &Kept) -> Values {
        let mut values = self.values.clone();
        values.extend(self.process.map(|process| ("pid".to_owned(), process.id().to_string())));
        let facts = self.provision.facts;
        let secret = |user: &str, key: Option<&str>| {
            let keys = template::keys(facts, user);
            keys.into_iter().find(|(name, _)| key.is_none_or(|key| key == name)).map(|(_, secret)| secret)
        };
        let mut owners = vec![Whom::Nobody];
        match whom {
            Whom::Nobody => {}
            Whom::User(user) => {
                values.insert("user".to_owned(), user.clone());
                values.extend(secret(user, None).map(|key| ("key".to_owned(), key)));
            }
            Whom::Key(user, key) => {
                owners.push(Whom::User(user.clone()));
                values.insert("user".to_owned(), user.clone());
                values.insert("key.name".to_owned(), key.clone());
                values.extend(secret(user, Some(key)).map(|key| ("key".to_owned(), key)));
            }
            Whom::Upstream(name) => {
                let authority = self.provision.upstreams.get(name).map_or("", String::as_str);
                values.insert("upstream".to_owned(), name.clone());
                values.insert("upstream.url".to_owned(), format!("http://{authority}/mcp"));
                let kind = facts.scenario.upstreams.get(name).map(|upstream| upstream.kind.clone());
                values.extend(kind.map(|kind| ("upstream.kind".to_owned(), kind)));
            }
        }
        owners.push(whom.clone());
        for captured in owners.iter().filter_map(|owner| kept.captured.get(owner)) {
            values.extend(captured.iter().map(|(name, value)| (format!("captured.{name}"), value.clone())));
        }
        values
    }

    fn context_of(&self, whom: &Whom, values: &Values) -> Value {
        let mut context = self.context.clone();
        match whom {
            Whom::Nobody => {}
            Whom::User(user) | Whom::Key(user, _) => context["user"] = template::user(self.provision.facts, user),
            Whom::Upstream(name) => context["upstream"] = template::upstream(self.provision, name),
        }
        if let Whom::Key(..) = whom {
            context["key"] = values.get("key").cloned().into();
        }
        let captured = values.iter().filter_map(|(name, value)| Some((name.strip_prefix("captured.")?, value)));
        context["captured"] = captured.map(|(name, value)| (name.to_owned(), Value::from(value.clone()))).collect();
        context
    }

    fn fill(&self, line: &Spanned<String>, values: &Values) -> Result<String, Trouble> {
        fill(&line.value, values).map_err(|unknown| room::unfilled(self.source, line.span, &unknown))
    }

    fn trouble(&self, step: &Provisioning, message: String, help: &str) -> Trouble {
        Box::new(Diagnostic::error("T050", message, self.source, step.span).help(help))
    }
}

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "nothing".to_owned();
    }
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
