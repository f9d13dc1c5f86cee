//! The file as it is written. Strict: an unknown key is an error that names the known ones.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default = "anywhere_on_loopback")]
    pub(super) listen: String,
    pub(super) servers: BTreeMap<String, Server>,
    #[serde(default)]
    pub(super) groups: BTreeMap<String, Vec<String>>,
    pub(super) users: BTreeMap<String, User>,
    #[serde(default)]
    pub(super) limits: Limits,
}

fn anywhere_on_loopback() -> String {
    "127.0.0.1:8080".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Server {
    pub(super) url: Option<String>,
    pub(super) command: Option<Vec<String>>,
    /// Variables of its environment, written out.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Variables of the hub's own environment that it is given too.
    #[serde(default)]
    pub(super) pass_env: Vec<String>,
    /// The variable in which it finds the credential.
    pub(super) credential_env: Option<String>,
    #[serde(default)]
    pub(super) credentials: Mode,
    pub(super) service_credential: Option<Credential>,
    #[serde(default)]
    pub(super) identity_headers: Switch,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) cache: Option<String>,
    /// How long at most an answer is kept that says itself for how long it may be.
    pub(super) cache_hints: Option<String>,
    #[serde(default)]
    pub(super) cache_public: Public,
    #[serde(default)]
    pub(super) era: Era,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Era {
    Stateful,
    Stateless,
    #[default]
    Auto,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Public {
    #[default]
    Own,
    Shared,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mode {
    #[default]
    PerUser,
    Shared,
    None,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Switch {
    #[default]
    On,
    Off,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) keys: Vec<Key>,
    pub(super) servers: Option<Vec<String>>,
    #[serde(default)]
    pub(super) tools: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) credentials: BTreeMap<String, Credential>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) sha256: String,
}

/// A bearer token: written out, in an environment variable, or in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Credential {
    pub(super) bearer: Option<String>,
    pub(super) bearer_env: Option<String>,
    pub(super) bearer_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Limits {
    pub(super) session_idle: Option<String>,
    pub(super) sessions_per_user: Option<usize>,
    pub(super) upstream_sessions_per_server: Option<usize>,
    pub(super) calls_per_session: Option<usize>,
    pub(super) requests_per_user: Option<usize>,
    pub(super) answers_kept_per_key: Option<usize>,
    pub(super) bytes_kept_per_key: Option<usize>,
    pub(super) call_timeout: Option<String>,
    pub(super) connect_timeout: Option<String>,
    pub(super) header_timeout: Option<String>,
    pub(super) body: Option<usize>,
    pub(super) answer: Option<usize>,
    pub(super) connections: Option<usize>,
}
