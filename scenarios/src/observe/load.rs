//! From the text of an observation file to its plan. Every problem is told in one go, each with its line.
//!
//! A secret never stands in the file: what stands there is the name of an environment variable.

use std::collections::BTreeMap;

use http::Uri;
use indexmap::IndexMap;

use super::{
    person::{By, People},
    plan::{Place, Plan},
    redact::{SHORTEST, is_secret},
};
use crate::{
    diagnostics::Diagnostic,
    registry::Registry,
    scenario::{
        lower::{Lowering, lowered},
        model::CredentialMode,
        source::{Source, Span, Spanned},
        tree::{Node, Value},
    },
    trace::facts::Sharing,
};

/// What the owner of the hub's own credential is called.
const HUB: &str = "hub";
/// Keys at the top: name, whether it must stand there, what it is.
pub const FILE: &[(&str, bool, &str)] = &[
    ("hub", true, "where the hub is, for example `http://127.0.0.1:9000/mcp`"),
    ("upstreams", true, "name and URL of every upstream before which a tap is to stand"),
    (
        "users",
        false,
        "`by`: how they are told apart, `authorization` (default), `session`, or `header: x-user`; `names`: a name, and \
         the environment variable (or a list of them) that holds the key",
    ),
    (
        "credentials",
        false,
        "what the hub shows an upstream, where it is known: upstream, then user (`hub` for the hub's own) and \
         environment variable",
    ),
    (
        "promises",
        false,
        "`sharing`: per-session (default), per-user, shared; `credentials`: per-user (default), shared, none",
    ),
    (
        "listen",
        false,
        "ports of the taps on 127.0.0.1, by name, `hub` for the one before the hub; free ones by default",
    ),
];

/// Loads an observation file; `environment` gives the value of a variable.
///
/// # Errors
/// Everything that is wrong with it; a syntax error comes alone.
pub fn load(source: &Source, environment: &dyn Fn(&str) -> Option<String>) -> Result<Plan, Vec<Diagnostic>> {
    lowered(source, &Registry::default(), |lowering, root| Loading { lowering, environment }.file(root))
}

struct Loading<'l, 's> {
    lowering: &'l mut Lowering<'s>,
    environment: &'l dyn Fn(&str) -> Option<String>,
}

impl Loading<'_, '_> {
    fn file(&mut self, root: &Node) -> Option<Plan> {
        let what = "an observation file";
        let mut fields = self.lowering.map(root, what)?;
        let hub = self.lowering.required(&mut fields, "hub", what).and_then(|node| self.place(node, "`hub`"));
        let upstreams = self.lowering.required(&mut fields, "upstreams", what).map(|node| self.upstreams(node));
        let (people, users) = fields.take("users").map(|node| self.people(node)).unwrap_or_default();
        let mut upstreams = upstreams?;
        let known: Vec<String> = upstreams.keys().cloned().collect();
        let credentials = fields.take("credentials").map(|node| self.credentials(node, &known, &people, &users));
        let (tokens, service_tokens) = credentials.unwrap_or_default();
        let (sharing, mode) = fields
            .take("promises")
            .map_or_else(|| (Sharing::PerSession, CredentialMode::PerUser), |node| self.promises(node));
        let ports = fields.take("listen").map(|node| self.ports(node, &known)).unwrap_or_default();
        self.lowering.finish(&fields, what);
        let mut hub = hub?;
        hub.port = ports.get(HUB).copied().unwrap_or_default();
        for (name, place) in &mut upstreams {
            place.port = ports.get(name).copied().unwrap_or_default();
        }
        Some(Plan { hub, upstreams, people, tokens, service_tokens, sharing, credentials: mode })
    }

    fn wrong(&mut self, span: Span, code: &str, message: impl Into<String>, help: impl Into<String>) {
        self.lowering.wrong_help(code, span, message, help);
    }

    fn place(&mut self, node: &Node, what: &str) -> Option<Place> {
        let text = self.lowering.text(node, what)?;
        let uri: Option<Uri> = text.value.parse().ok();
        let help = "write `http://host:port`, and the path if there is one";
        let Some(uri) = uri.filter(|uri| uri.scheme_str() == Some("http")) else {
            self.wrong(text.span, "O001", "a tap passes on plain HTTP, and this is no URL of it", help);
            return None;
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let (Some(authority), None) = (authority, uri.query()) else {
            self.wrong(text.span, "O001", "this URL has more than host, port and path", help);
            return None;
        };
        let authority = match authority.port_u16() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        };
        Some(Place { authority, path: uri.path().trim_end_matches('/').to_owned(), port: 0 })
    }

    fn upstreams(&mut self, node: &Node) -> IndexMap<String, Place> {
        let mut upstreams = IndexMap::new();
        for (name, node) in self.lowering.entries(node, "`upstreams`", "write `name: http://host:port`") {
            if name.value == HUB {
                let help = "`hub` is the hub, in `listen` and in `credentials`; use another name";
                self.wrong(name.span, "O002", "an upstream cannot be called `hub`", help);
            }
            if let Some(place) = self.place(node, "an upstream") {
                upstreams.insert(name.value.clone(), place);
            }
        }
        if matches!(&node.value, Value::Map(members) if members.is_empty()) {
            let help = "write `name: http://host:port` for at least one";
            self.wrong(node.span, "O003", "no upstream: what a hub keeps apart is seen behind it", help);
        }
        upstreams
    }

    /// Who is known, and the names of users that may stand elsewhere: any where `None`.
    fn people(&mut self, node: &Node) -> (People, Vec<String>) {
        let Some(mut fields) = self.lowering.map(node, "`users`") else { return Default::default() };
        let by = fields.take("by").and_then(|node| self.by(node)).unwrap_or_default();
        let shows_secrets = match &by {
            By::Authorization => true,
            By::Header(name) => is_secret(name),
            By::Session => false,
        };
        let mut people = People { by, names: BTreeMap::new() };
        let mut users = Vec::new();
        if let Some(names) = fields.take("names") {
            if !shows_secrets {
                let help = "leave `names` out: they stand in the header itself, or sessions are told apart";
                self.wrong(names.span, "O004", "names are for people who show a key", help);
            }
            for (name, node) in self.lowering.entries(names, "`names`", "write `alice: ALICE_KEY`") {
                self.person(&mut people, name, node);
                users.push(name.value.clone());
            }
        }
        self.lowering.finish(&fields, "`users`");
        (people, users)
    }

    fn person(&mut self, people: &mut People, name: &Spanned<String>, node: &Node) {
        if name.value == HUB || name.value.contains(" (") {
            let help = "use another name: `hub` is the hub, and ` (` stands behind names in reports";
            self.wrong(name.span, "O005", format!("nobody can be called `{}`", name.value), help);
        }
        for variable in self.lowering.texts(node, "an environment variable") {
            let Some(secret) = self.secret(&variable) else { continue };
            let other = people.names.insert(secret, name.value.clone());
            if let Some(other) = other.filter(|other| *other != name.value) {
                let help = "two people need two keys, or nobody can tell them apart";
                self.wrong(variable.span, "O006", format!("this is the key of {other} too"), help);
            }
        }
    }

    fn by(&mut self, node: &Node) -> Option<By> {
        if let Value::Map(_) = &node.value {
            let mut fields = self.lowering.map(node, "`by`")?;
            let header = self.lowering.required(&mut fields, "header", "`by`");
            let header = header.and_then(|node| self.lowering.text(node, "`header`"));
            self.lowering.finish(&fields, "`by`");
            return header.map(|name| By::Header(name.value.to_ascii_lowercase()));
        }
        let known = [("authorization", By::Authorization), ("session", By::Session)];
        self.lowering.word(node, "way to tell users apart", &known)
    }

    /// Credentials by user and upstream, and the hub's own by upstream.
    fn credentials(
        &mut self,
        node: &Node,
        upstreams: &[String],
        people: &People,
        users: &[String],
    ) -> (BTreeMap<String, BTreeMap<String, String>>, BTreeMap<String, String>) {
        let (mut tokens, mut own) = (BTreeMap::<String, BTreeMap<String, String>>::new(), BTreeMap::new());
        for (upstream, node) in self.lowering.entries(node, "`credentials`", "write `upstream: { alice: VARIABLE }`") {
            let known: Vec<&str> = upstreams.iter().map(String::as_str).collect();
            if !known.contains(&upstream.value.as_str()) {
                self.lowering.unknown("O007", upstream, "upstream", &known);
            }
            for (user, node) in self.lowering.entries(node, "its credentials", "write `alice: VARIABLE`") {
                let named = matches!(&people.by, By::Header(name) if !is_secret(name));
                if user.value != HUB && !named && !users.contains(&user.value) {
                    let known: Vec<&str> = users.iter().map(String::as_str).collect();
                    self.lowering.unknown("O008", user, "name of a user", &known);
                }
                let variable = self.lowering.text(node, "an environment variable");
                let Some(secret) = variable.and_then(|variable| self.secret(&variable)) else { continue };
                if user.value == HUB {
                    own.insert(upstream.value.clone(), secret);
                } else {
                    tokens.entry(user.value.clone()).or_default().insert(upstream.value.clone(), secret);
                }
            }
        }
        (tokens, own)
    }

    /// The value of an environment variable.
    fn secret(&mut self, variable: &Spanned<String>) -> Option<String> {
        let name = &variable.value;
        let spelled = |name: &str| {
            !name.starts_with(|first: char| first.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if name.is_empty() || !spelled(name) {
            let help = "write the name of an environment variable; a key itself never stands in a file";
            self.wrong(variable.span, "O009", "this is no name of an environment variable", help);
            return None;
        }
        let value = (self.environment)(name).filter(|value| !value.is_empty());
        let Some(value) = value else {
            let help = format!("set it before: `export {name}=...`");
            self.wrong(variable.span, "O010", format!("the environment variable `{name}` is not set"), help);
            return None;
        };
        if value.len() < SHORTEST {
            let help = format!("a key of at least {SHORTEST} characters can be found and hidden wherever it stands");
            self.wrong(variable.span, "O011", format!("the key in `{name}` is too short to be hidden"), help);
            return None;
        }
        Some(value)
    }

    fn promises(&mut self, node: &Node) -> (Sharing, CredentialMode) {
        let (mut sharing, mut mode) = (Sharing::PerSession, CredentialMode::PerUser);
        let Some(mut fields) = self.lowering.map(node, "`promises`") else { return (sharing, mode) };
        let levels =
            [("per-session", Sharing::PerSession), ("per-user", Sharing::PerUser), ("shared", Sharing::Shared)];
        let modes =
            [("per-user", CredentialMode::PerUser), ("shared", CredentialMode::Shared), ("none", CredentialMode::None)];
        self.lowering.choice(&mut fields, "sharing", "sharing level", &levels, &mut sharing);
        self.lowering.choice(&mut fields, "credentials", "way of using credentials", &modes, &mut mode);
        self.lowering.finish(&fields, "`promises`");
        (sharing, mode)
    }

    fn ports(&mut self, node: &Node, upstreams: &[String]) -> BTreeMap<String, u16> {
        let mut ports: BTreeMap<String, u16> = BTreeMap::new();
        for (name, node) in self.lowering.entries(node, "`listen`", "write `hub: 9100`") {
            let known: Vec<&str> = upstreams.iter().map(String::as_str).chain([HUB]).collect();
            if !known.contains(&name.value.as_str()) {
                self.lowering.unknown("O007", name, "upstream", &known);
            }
            let Some(number) = self.lowering.count(node, "a port") else { continue };
            let Some(port) = u16::try_from(number).ok().filter(|port| *port > 0) else {
                self.wrong(node.span, "O012", "this is no port", "write a number from 1 to 65535");
                continue;
            };
            if let Some((other, _)) = ports.iter().find(|(_, taken)| **taken == port) {
                let message = format!("the tap of `{other}` has this port");
                self.wrong(node.span, "O012", message, "give each tap a port of its own");
            }
            ports.insert(name.value.clone(), port);
        }
        ports
    }
}
