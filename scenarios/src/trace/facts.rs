//! The declared facts that open a trace: who takes part, with which secrets, under which promises.
//!
//! The secrets are the harness's own inventions for one cell; nothing of a real account is ever here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Exchange;
use crate::scenario::model::{Actor, CredentialMode, Scenario};

/// What was true before the first byte was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The scenario that was played, spans included.
    pub scenario: Scenario,
    /// The cell of the matrix, as printed: `2025-11-25 per-user order 2/2`.
    pub cell: String,
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
    /// What stands for marks and for what was hidden, where the trace is one of real traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
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

    /// The user to whom an upstream token was given; `None` for the service credential and unknown ones.
    pub fn token_owner(&self, token: &str) -> Option<&str> {
        self.tokens
            .iter()
            .find_map(|(user, by_upstream)| by_upstream.values().any(|t| t == token).then_some(user.as_str()))
    }
}
