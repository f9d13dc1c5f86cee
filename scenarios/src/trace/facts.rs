//! The declared facts that open a trace: who takes part, with which secrets, under which promises.
//!
//! The secrets are the harness's own inventions for one cell; nothing of a real account is ever here. Where a server is
//! asked with real accounts, a key invented here stands for each token in everything that is written down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Exchange;
use crate::scenario::model::{Action, Actor, CredentialMode, Era, Expectation, Pair, Scenario};

/// What was true before the first byte was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The scenario that was played, spans included.
    pub scenario: Scenario,
    /// The cell of the matrix, as printed: `2025-11-25 per-user order 2/2`.
    pub cell: String,
    /// In which era clients and upstreams speak.
    #[serde(default)]
    pub pair: Pair,
    /// The protocol revision that the actors offered.
    pub revision: String,
    /// Whose credential the hub was told to use upstream.
    pub credentials: CredentialMode,
    /// The seed that decided marks, chunk borders, answer forms and yields.
    pub seed: u64,
    /// What the target promises to keep apart.
    pub sharing: Sharing,
    /// Whether the target promises to tell each upstream who is calling.
    pub identity_headers: IdentityHeaders,
    /// Whether a foreign session must look exactly like an unknown one, or merely be refused.
    pub refusals: Refusals,
    /// Whether the target promises to keep secrets out of its log.
    #[serde(default)]
    pub logs: Logs,
    /// How alike an answer must be to the one that the upstream gave.
    #[serde(default)]
    pub answers: Answers,
    /// How the target names what belongs to one of several upstreams: `{upstream}__{name}`.
    pub naming: String,
    /// Hub keys: actor to secret.
    pub keys: BTreeMap<String, String>,
    /// Upstream credentials: user, then upstream, to bearer token.
    pub tokens: BTreeMap<String, BTreeMap<String, String>>,
    /// The hub's own credential for an upstream, where it holds one.
    pub service_tokens: BTreeMap<String, String>,
    /// The marks of `$canary` forms.
    pub canaries: Vec<Canary>,
    /// What a server that is asked with no hub between says of itself; `None` where a hub is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// What stands for marks and for what was hidden, where the trace is one of real traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
}

/// The profile of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Which tool plays each role.
    pub roles: BTreeMap<String, Role>,
    /// What it promises to keep what it is told for; `None` where it keeps nothing.
    pub state: Option<State>,
    /// The users that have accounts, and what `whoami` must say of each, where that is known. Empty: there are no
    /// accounts, and sessions are the users.
    pub accounts: BTreeMap<String, Option<String>>,
}

/// The tool that plays a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub tool: String,
    /// Its arguments; `{value}` in a text is what the scenario gives.
    pub with: Map<String, Value>,
    /// Where in the response the text stands, as a JSON pointer; in its content where nothing is said.
    pub at: Option<String>,
}

/// What a server promises to keep a value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The session that stored it, and no other.
    Session,
    /// Every session of the account that stored it, and no other account.
    Account,
}

/// What was found out about real traffic before it was judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Which exchange of a client caused an arrival, by upstream and the arrival's exchange; what is not known is left out.
    pub causes: BTreeMap<String, BTreeMap<u64, Exchange>>,
    /// What hidden session ids look like.
    pub shapes: BTreeMap<String, Shape>,
}

/// What can be said of a session id that is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shape {
    /// Its characters.
    pub length: usize,
    /// Whether it is visible ASCII and nothing else.
    pub visible: bool,
    /// In how many of 100 places it agrees with the earlier id that is most like it.
    pub alike_percent: usize,
}

/// What a target promises to keep apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// Every client session has upstream sessions of its own.
    PerSession,
    /// All sessions of one user may share an upstream session.
    PerUser,
    /// Upstream sessions are common property.
    Shared,
}

/// Whether upstreams are told who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityHeaders {
    /// `User-Id`, `User-Session-Id` and the `X-MCPHub-*` headers are promised.
    Promised,
    /// Nothing is promised, so nothing is checked.
    NotPromised,
}

/// How alike refusals must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusals {
    /// A difference between "foreign" and "unknown" fails.
    Identical,
    /// A difference is a warning.
    Similar,
}

/// How alike an answer must be to the one that the upstream gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// Every member of it, in any order.
    #[default]
    Verbatim,
    /// It says the same: texts, names, and whether it failed.
    Alike,
}

/// Whether secrets stay out of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Logs {
    /// A secret in the log fails.
    #[default]
    Promised,
    /// It is a warning.
    NotPromised,
}

/// The mark behind a `$canary` form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Whose mark it is.
    pub actor: Actor,
    /// The series: empty for `$canary`, `2` for `$canary#2`.
    pub series: String,
    /// The mark itself.
    pub mark: String,
}

impl Facts {
    /// The name that the target gives something of `upstream` where it shows several of them as one.
    pub fn told(&self, upstream: &str, name: &str) -> String {
        self.naming.replace("{upstream}", upstream).replace("{name}", name)
    }

    /// In which era an actor speaks.
    pub fn era_of(&self, actor: &Actor) -> Era {
        self.scenario.era_of(&actor.user, self.pair)
    }

    /// The protocol revision that an actor offers.
    pub fn revision_of(&self, actor: &Actor) -> String {
        let era = self.era_of(actor);
        if era == self.pair.client { self.revision.clone() } else { era.newest().to_string() }
    }

    /// Everybody who takes part, in the order of the file.
    pub fn actors(&self) -> Vec<Actor> {
        let users = self.scenario.users.iter();
        let actors = users.flat_map(|(user, person)| {
            person.clients.keys().map(|client| Actor { user: user.clone(), client: client.clone() })
        });
        actors.collect()
    }

    /// Whether a target cannot tell two actors apart: in the stateless era, by nothing but their keys.
    pub fn are_one(&self, one: &Actor, other: &Actor) -> bool {
        let key = |actor: &Actor| self.keys.get(&actor.to_string());
        let stateless = self.era_of(one) == Era::Stateless && self.era_of(other) == Era::Stateless;
        one == other || (stateless && one.user == other.user && key(one) == key(other))
    }

    /// Whoever holds an actor's key, as one: a target can tell clients that have no session by nothing else.
    pub fn holder(&self, actor: &Actor) -> Actor {
        self.actors().into_iter().find(|other| self.are_one(other, actor)).unwrap_or_else(|| actor.clone())
    }

    /// The same for one user straight at the upstreams, whose era the user then speaks. What a hub makes of their answers, by
    /// what it keeps and by the rights that it grants, cannot be expected there.
    #[must_use]
    pub fn straight(mut self) -> Self {
        let era = self.pair.upstream;
        if era != self.pair.client {
            self.revision = era.newest().to_string();
        }
        self.pair = Pair { client: era, upstream: era };
        let upstreams = self.scenario.upstreams.values();
        let older: Vec<String> = upstreams.flat_map(|upstream| upstream.older_for.clone()).collect();
        for (name, user) in &mut self.scenario.users {
            user.era = older.contains(name).then_some(Era::Stateful);
        }
        let users = &self.scenario.users;
        for step in &mut self.scenario.steps {
            let restricted = match &step.action {
                Action::Request(request) => users.get(&request.actor.user).is_some_and(|user| !user.tools.is_empty()),
                _ => false,
            };
            step.expect.retain(|expectation| match expectation.value {
                Expectation::Reached(_) | Expectation::FreshFor(_) | Expectation::Scope(_) => false,
                Expectation::Names { .. } => !restricted,
                _ => true,
            });
        }
        self
    }

    /// The upstream token that a request on behalf of `user` must carry to `upstream`, by the declared mode.
    pub fn expected_token(&self, user: &str, upstream: &str) -> Option<&str> {
        match self.credentials {
            CredentialMode::PerUser => self.tokens.get(user)?.get(upstream).map(String::as_str),
            CredentialMode::Shared => self.service_tokens.get(upstream).map(String::as_str),
            CredentialMode::None => None,
        }
    }

    /// The mark of a `$canary` form: `who` names an actor (`alice`, `alice.phone`), `series` is empty for the first.
    pub fn canary(&self, who: &Actor, series: &str) -> Option<&str> {
        self.canaries.iter().find(|c| c.actor == *who && c.series == series).map(|c| c.mark.as_str())
    }

    /// The tool that plays a role; `None` for the tool of a fake.
    pub fn role(&self, upstream: &str, name: &str) -> Option<&Role> {
        let asked = self.scenario.upstreams.get(upstream)?.is_server();
        self.server.as_ref().filter(|_| asked)?.roles.get(name)
    }

    /// What the server must call a user, where it has accounts and their names are known.
    pub fn account(&self, user: &str) -> Option<&str> {
        self.server.as_ref()?.accounts.get(user)?.as_deref()
    }

    /// The user to whom an upstream token was given; `None` for the service credential and unknown ones.
    pub fn token_owner(&self, token: &str) -> Option<&str> {
        self.tokens
            .iter()
            .find_map(|(user, by_upstream)| by_upstream.values().any(|t| t == token).then_some(user.as_str()))
    }
}
