//! From the file to a configuration without doubt in it. Every problem is told at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt, fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use foldhash::HashMap;
use http::HeaderValue;

use super::{Config, Credentials, Hints, Key, Limits, People, Secret, Server, SpokenTo, User, file, reach};
use crate::identity::Caller;

/// No answer is given again for longer than this: a right that was taken away must be felt soon.
const LONGEST_CACHE: Duration = Duration::from_secs(5 * 60);
/// How long an answer is kept at most that says itself for how long it may be.
const LONGEST_HINT: Duration = Duration::from_secs(60 * 60);

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    origin: String,
    problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            let line_break = if number == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}: {problem}", self.origin)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let origin = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| ConfigError {
            origin: origin.clone(),
            problems: vec![format!("cannot be read: {error}")],
        })?;
        Self::from_yaml(&text, &origin)
    }

    /// Reads a configuration from text; `origin` names it in errors.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and what to do.
    pub fn from_yaml(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let failed = |problems| ConfigError { origin: origin.to_owned(), problems };
        let file: file::File = serde_saphyr::from_str(text).map_err(|error| failed(vec![error.to_string()]))?;
        let mut problems = Problems::default();
        let config = problems.config(file);
        match config {
            Some(config) if problems.found.is_empty() => Ok(config),
            _ => Err(failed(problems.found)),
        }
    }
}

/// What is wrong, as far as it was read.
#[derive(Default)]
pub(super) struct Problems {
    found: Vec<String>,
}

impl Problems {
    pub(super) fn add(&mut self, place: &str, problem: impl fmt::Display) {
        self.found.push(format!("{place}: {problem}"));
    }

    fn config(&mut self, file: file::File) -> Option<Config> {
        let listen = file.listen.parse();
        if listen.is_err() {
            self.add("listen", format_args!("`{}` is no address; write for example 127.0.0.1:8080", file.listen));
        }
        if file.servers.is_empty() {
            self.add("servers", "there is none; a hub needs at least one server");
        }
        let names: Vec<Arc<str>> = file.servers.keys().map(|name| name.as_str().into()).collect();
        let servers = file
            .servers
            .into_iter()
            .filter_map(|(name, server)| Some((name.as_str().into(), self.server(&name, server)?)));
        let servers = servers.collect();
        let groups = self.groups(file.groups, &names);
        let users = file.users.into_iter();
        let users =
            users.map(|(name, user)| (name.as_str().into(), Arc::new(self.user(&name, user, &names)))).collect();
        let holders = self.holders(&users);
        let restricted = names.iter().filter(|name| users.values().any(|user| user.is_restricted_at(name)));
        let restricted = restricted.cloned().collect();
        let limits = self.limits(&file.limits);
        Some(Config { listen: listen.ok()?, servers, groups, limits, people: People { users, holders, restricted } })
    }

    fn server(&mut self, name: &str, server: file::Server) -> Option<Server> {
        let place = format!("servers.{name}");
        self.route_name(name, &place);
        let service_credential = server
            .service_credential
            .and_then(|credential| self.credential(&format!("{place}.service-credential"), credential));
        let credentials = match server.credentials {
            file::Mode::PerUser => Credentials::PerUser,
            file::Mode::Shared => Credentials::Shared,
            file::Mode::None => Credentials::None,
        };
        if credentials == Credentials::Shared && service_credential.is_none() {
            self.add(&place, "`credentials: shared` needs a `service-credential` to share");
        }
        let written = reach::Written {
            url: server.url,
            identity_headers: server.identity_headers,
            headers: server.headers,
            command: server.command,
            env: server.env,
            pass_env: server.pass_env,
            credential_env: server.credential_env,
        };
        let reached = self.reached(&place, written, credentials);
        let cache = self.kept(&place, "cache", server.cache.as_deref(), LONGEST_CACHE, "5m");
        let hints = self.kept(&place, "cache-hints", server.cache_hints.as_deref(), LONGEST_HINT, "1h");
        let shares = server.cache_public == file::Public::Shared;
        if shares && hints.is_none() {
            self.add(
                &place,
                "`cache-public: shared` needs `cache-hints`, the longest time for which an answer is kept",
            );
        }
        let hints = hints.map(|longest| Hints { longest, shares });
        let era = match server.era {
            file::Era::Stateful => SpokenTo::Stateful,
            file::Era::Stateless => SpokenTo::Stateless,
            file::Era::Auto => SpokenTo::Auto,
        };
        Some(Server { reached: reached?, credentials, service_credential, cache, hints, era })
    }

    /// For how long something is kept.
    fn kept(
        &mut self,
        place: &str,
        key: &str,
        written: Option<&str>,
        longest: Duration,
        said: &str,
    ) -> Option<Duration> {
        let written = written?;
        let time = duration(written);
        if !time.is_some_and(|time| (Duration::from_secs(1)..=longest).contains(&time)) {
            self.add(place, format_args!("{key}: `{written}`; write a time from 1s to {said}, for example 30s"));
        }
        time
    }

    fn route_name(&mut self, name: &str, place: &str) {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            self.add(
                place,
                "a name has lower-case letters, digits and dashes only: it is a part of the route /mcp/<name>",
            );
        }
    }

    fn groups(
        &mut self,
        groups: BTreeMap<String, Vec<String>>,
        servers: &[Arc<str>],
    ) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
        let mut checked = BTreeMap::new();
        for (name, members) in groups {
            let place = format!("groups.{name}");
            self.route_name(&name, &place);
            if servers.iter().any(|server| **server == *name) {
                self.add(&place, "a server has this name too, and both would be the route /mcp/<name>; rename one");
            }
            if members.is_empty() {
                self.add(&place, "there is no server in it; name at least one");
            }
            let members = members.iter().filter_map(|member| self.known_server(member, &place, servers));
            let members: BTreeSet<Arc<str>> = members.collect();
            checked.insert(name.as_str().into(), members.into_iter().collect());
        }
        checked
    }

    fn known_server(&mut self, name: &str, place: &str, servers: &[Arc<str>]) -> Option<Arc<str>> {
        let found = servers.iter().find(|server| ***server == *name).cloned();
        if found.is_none() {
            let near = servers.iter().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            self.add(place, format_args!("there is no server `{name}`{near}"));
        }
        found
    }

    fn user(&mut self, name: &str, user: file::User, servers: &[Arc<str>]) -> User {
        let place = format!("users.{name}");
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@'))
        {
            self.add(&place, "a name has letters, digits and `-_.@` only: it is sent in headers");
        }
        if user.keys.is_empty() {
            self.add(&place, "there is no key; make one with `hub hash-key`");
        }
        let mut keys: Vec<Key> = Vec::new();
        for key in user.keys {
            if keys.iter().any(|other| *other.id == *key.id) {
                self.add(&place, format_args!("two keys are called `{}`", key.id));
            }
            match digest(&key.sha256) {
                Some(sha256) => keys.push(Key { id: key.id.as_str().into(), sha256 }),
                None => self.add(
                    &place,
                    format_args!("key `{}`: sha256 must be 64 hexadecimal digits; `hub hash-key` prints them", key.id),
                ),
            }
        }
        let allowed = user.servers.map(|names| {
            let place = format!("{place}.servers");
            names.iter().filter_map(|name| self.known_server(name, &place, servers)).collect()
        });
        let mut tools = BTreeMap::new();
        for (server, names) in user.tools {
            if let Some(server) = self.known_server(&server, &format!("{place}.tools"), servers) {
                tools.insert(server, names.into_iter().collect());
            }
        }
        let mut credentials = BTreeMap::new();
        for (server, credential) in user.credentials {
            let known = self.known_server(&server, &format!("{place}.credentials"), servers);
            let secret = self.credential(&format!("{place}.credentials.{server}"), credential);
            credentials.extend(known.zip(secret));
        }
        User { keys, servers: allowed, tools, credentials }
    }

    /// Who holds each key. One that two users hold would make one of them the other.
    fn holders(&mut self, users: &BTreeMap<Arc<str>, Arc<User>>) -> HashMap<[u8; 32], Caller> {
        let mut holders = HashMap::default();
        for (name, user) in users {
            for key in &user.keys {
                let caller = Caller::new(name, &key.id, user);
                if let Some(other) = holders.insert(key.sha256, caller) {
                    let place = format!("users.{name}");
                    self.add(&place, format_args!("key `{}` is a key of {} too", key.id, other.principal));
                }
            }
        }
        holders
    }

    fn credential(&mut self, place: &str, credential: file::Credential) -> Option<Secret> {
        let word = match (credential.bearer, credential.bearer_env, credential.bearer_file) {
            (Some(word), None, None) => word,
            (None, Some(variable), None) => match env::var(&variable) {
                Ok(word) => word,
                Err(_) => {
                    self.add(place, format_args!("the environment variable `{variable}` is not set"));
                    return None;
                }
            },
            (None, None, Some(path)) => match fs::read_to_string(&path) {
                Ok(word) => word.trim_end().to_owned(),
                Err(error) => {
                    self.add(place, format_args!("{}: {error}", path.display()));
                    return None;
                }
            },
            _ => {
                self.add(place, "give exactly one of `bearer`, `bearer-env`, `bearer-file`");
                return None;
            }
        };
        if word.is_empty() || HeaderValue::try_from(&word).is_err() {
            self.add(place, "the token is empty or has characters that no header may have");
            return None;
        }
        Some(Secret::new(word))
    }

    fn limits(&mut self, file: &file::Limits) -> Limits {
        let strict = Limits::default();
        let mut time = |name: &str, written: &Option<String>, default: Duration| match written.as_deref().map(duration)
        {
            None => default,
            Some(Some(duration)) if !duration.is_zero() => duration,
            Some(_) => {
                self.found.push(format!("limits.{name}: write a number and a unit, for example 250ms, 30s or 5m"));
                default
            }
        };
        let session_idle = time("session-idle", &file.session_idle, strict.session_idle);
        let call_timeout = time("call-timeout", &file.call_timeout, strict.call_timeout);
        let connect_timeout = time("connect-timeout", &file.connect_timeout, strict.connect_timeout);
        let header_timeout = time("header-timeout", &file.header_timeout, strict.header_timeout);
        let mut count = |name: &str, written: Option<usize>, default: usize| {
            if written == Some(0) {
                self.found.push(format!("limits.{name}: must be at least 1"));
            }
            written.unwrap_or(default)
        };
        Limits {
            session_idle,
            call_timeout,
            connect_timeout,
            header_timeout,
            sessions_per_user: count("sessions-per-user", file.sessions_per_user, strict.sessions_per_user),
            upstream_sessions_per_server: count(
                "upstream-sessions-per-server",
                file.upstream_sessions_per_server,
                strict.upstream_sessions_per_server,
            ),
            calls_per_session: count("calls-per-session", file.calls_per_session, strict.calls_per_session),
            requests_per_user: count("requests-per-user", file.requests_per_user, strict.requests_per_user),
            answers_kept_per_key: count("answers-kept-per-key", file.answers_kept_per_key, strict.answers_kept_per_key),
            bytes_kept_per_key: count("bytes-kept-per-key", file.bytes_kept_per_key, strict.bytes_kept_per_key),
            body: count("body", file.body, strict.body),
            answer: count("answer", file.answer, strict.answer),
            connections: count("connections", file.connections, strict.connections),
        }
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

/// `250ms`, `30s`, `5m`, `1h`.
fn duration(text: &str) -> Option<Duration> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    units.into_iter().find_map(|(unit, millis)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(number.checked_mul(millis)?))
    })
}
