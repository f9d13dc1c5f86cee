//! Files and request bodies of many lines: `minijinja` templates, strict about what is undefined.

use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::model::Template;
use crate::{diagnostics::Diagnostic, engine::cast, scenario::source::Span, target::Provision, trace::Facts};

impl Template {
    /// Whether it is one.
    ///
    /// # Errors
    /// What is wrong with it, at its line.
    pub fn check(&self) -> Result<(), Box<Diagnostic>> {
        environment().template_from_named_str(&self.name, self.text()).map(|_| ()).map_err(|error| self.told(&error))
    }

    /// The text with every expression replaced.
    ///
    /// # Errors
    /// What it asks for and is not there, at its line.
    pub fn render(&self, context: &Value) -> Result<String, Box<Diagnostic>> {
        environment().render_named_str(&self.name, self.text(), context).map_err(|error| self.told(&error))
    }

    fn text(&self) -> &str {
        &self.source.text
    }

    fn told(&self, error: &minijinja::Error) -> Box<Diagnostic> {
        let line = error.line().unwrap_or(1);
        let whole: usize = self.text().split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let range = error.range().unwrap_or(whole..whole + 1);
        let span = Span { start: range.start, end: range.end };
        let (message, help) = match error.kind() {
            ErrorKind::UndefinedError => {
                let asked = self.source.text.get(span.range()).unwrap_or_default().trim();
                (
                    format!("the template asks for `{asked}`, which is not there"),
                    "there are port, url, dir, target, secret, revision, credentials, env, users, upstreams, groups, limits"
                        .to_owned(),
                )
            }
            _ => {
                let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
                (format!("the template is wrong{detail}"), "mend it; the syntax is that of Jinja".to_owned())
            }
        };
        Box::new(Diagnostic::error("T030", message, &self.source, span).help(help))
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment
}

/// Everything that a template may ask for.
pub fn context(provision: &Provision<'_>, fixed: &super::fill::Values) -> Value {
    let facts = provision.facts;
    let mut context: Map<String, Value> = fixed
        .iter()
        .filter(|(name, _)| !name.contains('.'))
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    if let Some(port) = fixed.get("port").and_then(|port| port.parse::<u16>().ok()) {
        context.insert("port".to_owned(), json!(port));
    }
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    context.insert("env".to_owned(), environment.map(|(name, value)| (name, Value::from(value))).collect());
    context.insert("upstreams".to_owned(), provision.upstreams.keys().map(|name| upstream(provision, name)).collect());
    context.insert("users".to_owned(), with_keys(facts).map(|name| user(facts, name)).collect());
    let groups = facts.scenario.groups.iter().map(|(name, upstreams)| json!({ "name": name, "upstreams": upstreams }));
    context.insert("groups".to_owned(), groups.collect());
    let limits = &facts.scenario.limits;
    let millis =
        |time: Option<std::time::Duration>| time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    context.insert(
        "limits".to_owned(),
        json!({
            "session_idle_ms": millis(limits.session_idle),
            "call_timeout_ms": millis(limits.call_timeout),
            "cache_ms": millis(limits.cache),
            "cache_hints_ms": millis(limits.cache_hints),
            "cache_public": limits.cache_public,
            "answers_kept_per_key": limits.answers_kept_per_key,
            "sessions_per_user": limits.sessions_per_user,
            "requests_per_user": limits.requests_per_user,
            "upstream_sessions_per_server": limits.upstream_sessions_per_server,
        }),
    );
    Value::Object(context)
}

/// One upstream: `name`, `kind`, `url`, `host`, `port`, and `token`, the hub's own credential for it, or null.
pub fn upstream(provision: &Provision<'_>, name: &str) -> Value {
    let authority = provision.upstreams.get(name).map_or("", String::as_str);
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    json!({
        "name": name,
        "kind": provision.facts.scenario.upstreams.get(name).map(|upstream| upstream.kind.clone()),
        "url": format!("http://{authority}/mcp"),
        "host": host,
        "port": port.parse::<u16>().ok(),
        "token": provision.facts.service_tokens.get(name),
    })
}

/// All but those whose last key was taken away; a server without accounts has no keys to take.
fn with_keys(facts: &Facts) -> impl Iterator<Item = &String> {
    facts.scenario.users.keys().filter(|user| facts.server.is_some() || !keys(facts, user).is_empty())
}

/// One user: `name`, `key` (the first), `keys` (`name`, `secret`, `sha256`), `tokens` by upstream, `servers` or null,
/// `tools` by upstream.
pub fn user(facts: &Facts, name: &str) -> Value {
    let keys: Vec<Value> = keys(facts, name)
        .into_iter()
        .map(|(key, secret)| json!({ "name": key, "secret": secret, "sha256": sha256(&secret) }))
        .collect();
    let person = facts.scenario.users.get(name);
    json!({
        "name": name,
        "key": keys.first().map(|key| key["secret"].clone()),
        "keys": keys,
        "tokens": facts.tokens.get(name),
        "servers": person.and_then(|person| person.servers.clone()),
        "tools": person.map(|person| person.tools.clone()),
    })
}

/// A user's keys: one for each name, whichever clients hold it.
pub fn keys(facts: &Facts, user: &str) -> Vec<(String, String)> {
    let mut keys: Vec<(String, String)> = Vec::new();
    for (actor, name) in cast::actors(&facts.scenario).filter(|(actor, _)| actor.user == user) {
        if let Some(secret) = facts.keys.get(&actor.to_string())
            && keys.iter().all(|(known, _)| known != name)
        {
            keys.push((name.to_owned(), secret.clone()));
        }
    }
    keys
}

fn sha256(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}
