//! A target file that describes one server: its roles, its accounts, what it promises to remember.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    sync::OnceLock,
};

use serde_json::Map;

use super::{
    fill::placeholders,
    load::{Loading, Own, default_promises},
    model::{Reach, ServerFile},
    words,
};
use crate::{
    scenario::{
        grammar,
        lower::{Fields, json},
        source::{Span, Spanned},
        tree::{Node, Value},
    },
    target::Promises,
    trace::{
        facts::{IdentityHeaders, Logs, Refusals, Role, Server, Sharing, State},
        recorder::Secret,
    },
};

/// Who plays with the two accounts.
const USERS: [&str; 2] = ["alice", "bob"];
/// A shorter token may stand anywhere by chance, and could not be kept out of what is written down.
const SHORTEST_TOKEN: usize = 8;

/// One user's account.
struct Account {
    token: Secret,
    name: Option<String>,
}

impl Loading<'_, '_> {
    /// The whole file, with `name` from its key `server`.
    pub(super) fn server(&mut self, name: &Node, fields: &mut Fields<'_>) -> Option<ServerFile> {
        let name = self.lowering.text(name, "`server`");
        let reach = self.lowering.required(fields, "reach", "a target file").and_then(|node| self.reach_server(node));
        let accounts = fields.take("accounts").map(|node| self.accounts(node)).unwrap_or_default();
        let roles = self.lowering.required(fields, "roles", "a target file");
        let (roles, destructive) = roles.map(|node| self.roles(node)).unwrap_or_default();
        let states = [("session", State::Session), ("account", State::Account)];
        let state = fields.take("state");
        let kept = state.and_then(|node| self.lowering.word(node, "state", &states));
        self.fits(fields.span, &roles, &accounts, state.map(|node| node.span), kept);
        let promises = fields.take("promises").map_or_else(default, |node| self.promises_of_server(node));
        let (mut tokens, mut names) = (BTreeMap::new(), BTreeMap::new());
        for (user, Account { token, name }) in accounts {
            tokens.insert(user.clone(), token);
            names.insert(user, name);
        }
        let server = Server { roles, state: kept, accounts: names };
        let promises = Promises { server: Some(server), ..promises };
        let known: Vec<&str> = words::OF_SERVERS.iter().map(|(name, _)| *name).collect();
        let own = Own { name, reach, provision: Vec::new(), revoke: Vec::new(), promises, tokens };
        let program = self.program(fields, own, &known)?;
        Some(ServerFile { program, destructive, tried: OnceLock::new() })
    }

    fn reach_server(&mut self, node: &Node) -> Option<Reach> {
        let mut fields = self.lowering.map(node, "`reach`")?;
        let server = self.lowering.required(&mut fields, "server", "`reach`");
        let server = server.and_then(|node| self.line(node, "`server`", &[]));
        let header = fields.take("header").map(|node| self.lines(node, "`header`", &["key"])).unwrap_or_default();
        self.lowering.finish(&fields, "`reach`");
        let server = server?;
        if !(server.value.starts_with("http://") || server.value.starts_with("{url}")) {
            self.wrong(server.span, "T002", "a server is reached over plain HTTP", "begin with `{url}` or `http://`");
        }
        let header = header.into_iter().next().map(|(name, value)| (name.to_lowercase(), value.value));
        Some(Reach { upstream: Some(server), group: None, all: None, header })
    }

    /// Both accounts, by who plays with them.
    fn accounts(&mut self, node: &Node) -> BTreeMap<String, Account> {
        let mut accounts = BTreeMap::new();
        let Some(mut fields) = self.lowering.map(node, "`accounts`") else { return accounts };
        for user in USERS {
            let Some(node) = fields.take(user) else {
                let message = format!("there is no account for {user}: whether two users are kept apart takes two");
                self.wrong(node.span, "T050", message, "add `alice:` and `bob:`, or leave `accounts` out altogether");
                continue;
            };
            accounts.extend(self.account(node).map(|account| (user.to_owned(), account)));
        }
        self.lowering.finish(&fields, "`accounts`");
        if let [alice, bob] = accounts.values().collect::<Vec<_>>()[..]
            && alice.token == bob.token
        {
            let message = "both accounts have the same token, so nothing can be told apart";
            self.wrong(node.span, "T054", message, "give each the token of an account of its own");
        }
        accounts
    }

    fn account(&mut self, node: &Node) -> Option<Account> {
        let mut fields = self.lowering.map(node, "an account")?;
        let token = self.lowering.required(&mut fields, "token", "an account").and_then(|node| self.token(node));
        let name = fields.take("is").and_then(|node| self.line(node, "`is`", &[]));
        self.lowering.finish(&fields, "an account");
        let name = match name {
            Some(name) => Some(self.with_environment(&name)?),
            None => None,
        };
        Some(Account { token: token?, name })
    }

    /// A token stands in the environment or in a file of its own, never in the target file.
    fn token(&mut self, node: &Node) -> Option<Secret> {
        let secret = match &node.value {
            Value::Map(_) => {
                let mut fields = self.lowering.map(node, "`token`")?;
                let file = self.lowering.required(&mut fields, "file", "`token`");
                let file = file.and_then(|node| self.line(node, "`file`", &[]));
                self.lowering.finish(&fields, "`token`");
                let file = file?;
                let path = self.folder.join(self.with_environment(&file)?);
                let text = fs::read_to_string(&path).map_err(|error| {
                    let help = "write the token, and nothing else, into this file";
                    self.wrong(file.span, "T052", format!("{}: {error}", path.display()), help);
                });
                text.ok()?.trim().to_owned()
            }
            _ => {
                let line = self.lowering.text(node, "`token`")?;
                match placeholders(&line.value)[..] {
                    [(name, ref range)] if name.starts_with("env.") && *range == (0..line.value.len()) => {}
                    _ => {
                        let help = "put it into the environment and write `\"{env.ACME_TOKEN}\"`, or into a file beside this one: `{ file: alice.token }`";
                        self.wrong(node.span, "T051", "a token does not stand in a target file", help);
                        return None;
                    }
                }
                self.with_environment(&line)?
            }
        };
        if secret.len() < SHORTEST_TOKEN {
            let message = format!("this token has {} characters", secret.len());
            let help =
                format!("at least {SHORTEST_TOKEN} are needed, so that it can be kept out of traces and reports");
            self.wrong(node.span, "T055", message, help);
            return None;
        }
        Some(Secret(secret))
    }

    /// A line with its variables of the environment; what is not set is told by its name.
    fn with_environment(&mut self, line: &Spanned<String>) -> Option<String> {
        let mut filled = line.value.clone();
        for (name, _) in placeholders(&line.value) {
            let Some(variable) = name.strip_prefix("env.") else { continue };
            match env::var(variable) {
                Ok(value) => filled = filled.replace(&format!("{{{name}}}"), &value),
                Err(_) => {
                    let message = format!("the environment variable {variable} is not set");
                    self.wrong(line.span, "T053", message, format!("export {variable}=…"));
                    return None;
                }
            }
        }
        Some(filled)
    }

    fn roles(&mut self, node: &Node) -> (BTreeMap<String, Role>, BTreeSet<String>) {
        let (mut roles, mut destructive) = (BTreeMap::new(), BTreeSet::new());
        let known: Vec<&str> = grammar::ROLES.iter().map(|(role, ..)| *role).collect();
        for (name, node) in
            self.lowering.entries(node, "`roles`", "write `echo: { tool: echo, with: { text: \"{value}\" } }`")
        {
            let Some((_, takes, _)) = grammar::ROLES.iter().find(|(role, ..)| *role == name.value) else {
                self.lowering.unknown("T056", name, "role", &known);
                continue;
            };
            let Some((role, changes)) = self.role(name, node, *takes) else { continue };
            destructive.extend(changes.then(|| name.value.clone()));
            roles.insert(name.value.clone(), role);
        }
        (roles, destructive)
    }

    /// A role, and whether playing it changes something for good.
    fn role(&mut self, name: &Spanned<String>, node: &Node, takes: bool) -> Option<(Role, bool)> {
        let mut fields = self.lowering.map(node, "a role")?;
        let tool = self.lowering.required(&mut fields, "tool", "a role");
        let tool = tool.and_then(|node| self.lowering.text(node, "`tool`"));
        let with = fields.take("with").map(|node| (node, json(node)));
        let at = fields.take("at").and_then(|node| self.lowering.text(node, "`at`"));
        let destructive = fields.take("destructive").and_then(|node| self.truth(node));
        self.lowering.finish(&fields, "a role");
        if let Some(at) = at.as_ref().filter(|at| !at.value.starts_with('/')) {
            let help = "begin at the response, for example `/result/structuredContent/value`";
            self.wrong(at.span, "T021", "`at` is a JSON pointer into the response", help);
        }
        let with = match with {
            None => Map::new(),
            Some((_, serde_json::Value::Object(with))) => with,
            Some((node, _)) => {
                let message = format!("`with` must be a map, and this is {}", node.value.name());
                self.wrong(node.span, "S002", message, "write the tool's arguments: `{ text: \"{value}\" }`");
                return None;
            }
        };
        self.placed(name, &with, takes);
        let role = Role { tool: tool?.value, with, at: at.map(|at| at.value) };
        Some((role, destructive.unwrap_or(false)))
    }

    /// `{value}` stands where a role takes a value, and nowhere else; there is no other placeholder.
    fn placed(&mut self, name: &Spanned<String>, with: &Map<String, serde_json::Value>, takes: bool) {
        let text = serde_json::Value::Object(with.clone()).to_string();
        let named: Vec<&str> = placeholders(&text).into_iter().map(|(name, _)| name).collect();
        if let Some(other) = named.iter().find(|named| **named != "value") {
            let message = format!("there is no placeholder `{{{other}}}` in a role");
            self.wrong(name.span, "T014", message, "only `{value}` is filled in");
        }
        let role = &name.value;
        match (takes, named.contains(&"value")) {
            (true, false) => {
                let help = "write `{value}` into the argument that takes it: `with: { text: \"{value}\" }`";
                self.wrong(name.span, "T057", format!("`{role}` is given a value, and its tool is not"), help);
            }
            (false, true) => {
                let help = "write the arguments out; a caller who names the value would be told nothing new";
                self.wrong(name.span, "T057", format!("`{role}` is given no value"), help);
            }
            _ => {}
        }
    }

    fn truth(&mut self, node: &Node) -> Option<bool> {
        if let Value::Bool(truth) = node.value {
            return Some(truth);
        }
        let message = format!("`destructive` is true or false, and this is {}", node.value.name());
        self.wrong(node.span, "S002", message, "write `destructive: true`");
        None
    }

    /// Roles, accounts and state that belong together.
    fn fits(
        &mut self,
        whole: Span,
        roles: &BTreeMap<String, Role>,
        accounts: &BTreeMap<String, Account>,
        state: Option<Span>,
        kept: Option<State>,
    ) {
        let top = Span { start: whole.start, end: whole.start + 1 };
        let has = |role: &str| roles.contains_key(role);
        if roles.is_empty() {
            self.wrong(top, "T058", "no role: nothing can be asked of this server", "map at least `echo`");
        }
        if has("remember") && !has("recall") {
            let help = "add `recall:` with the tool that gives it back";
            self.wrong(top, "T058", "what `remember` stores is never seen again", help);
        }
        if (has("recall") || has("list")) && !has("remember") {
            let help = "add `remember:`; what it stores is how one user's data is known";
            self.wrong(top, "T058", "`recall` and `list` show what `remember` has stored", help);
        }
        match (has("remember"), state) {
            (true, None) => {
                let help = "add `state: session` or `state: account`";
                self.wrong(top, "T059", "nobody says for whom `remember` stores", help);
            }
            (false, Some(span)) => {
                self.wrong(span, "T059", "`state` without `remember`", "leave it out, or map `remember`");
            }
            _ => {}
        }
        if accounts.is_empty() && kept == Some(State::Account) {
            let help = "add `accounts`, or write `state: session`";
            self.wrong(state.unwrap_or(top), "T059", "there are no accounts to remember anything for", help);
        }
        if has("whoami") && accounts.values().any(|account| account.name.is_none()) {
            let help = "add `is:` to each account: what `whoami` says of it";
            self.wrong(top, "T060", "nobody says what `whoami` must answer", help);
        }
    }

    fn promises_of_server(&mut self, node: &Node) -> Promises {
        let mut promises = default();
        let Some(mut fields) = self.lowering.map(node, "`promises`") else { return promises };
        let refusals = [("identical", Refusals::Identical), ("similar", Refusals::Similar)];
        let logs = [("promised", Logs::Promised), ("not-promised", Logs::NotPromised)];
        self.lowering.choice(&mut fields, "refusals", "promise", &refusals, &mut promises.refusals);
        self.lowering.choice(&mut fields, "logs", "promise", &logs, &mut promises.logs);
        self.lowering.finish(&fields, "`promises`");
        promises
    }
}

/// What a server is held to where its file says nothing. Nothing is behind it that could be shared or told.
fn default() -> Promises {
    Promises {
        sharing: Sharing::Shared,
        identity_headers: IdentityHeaders::NotPromised,
        naming: "{name}".to_owned(),
        ..default_promises()
    }
}
