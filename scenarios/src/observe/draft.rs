//! A scenario file made of what was seen: the users, sessions, calls and order of the shortest window around the
//! first finding, or of the first calls where nothing was found.
//!
//! It is a beginning, played against the suite's own fakes: a tool that no fake has becomes `echo`, and every
//! recorded value becomes a `$canary`, so that the oracles can follow it and nothing of anybody's stands in the file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use fake_upstreams::{Kind, servers::tools};
use serde_json::Value;

use super::{judged::Judged, window};
use crate::{
    explore::blame,
    oracles::{Finding, Severity},
    scenario::model::Actor,
    trace::{Exchange, Index, index::Message},
};

/// Steps that are drafted where no finding says which ones matter.
const MOST_CALLS: usize = 20;

/// `group/name` of a file, as a scenario must be called that stands there; `None` where none can stand there.
pub fn id(file: &Path) -> Option<String> {
    let well_formed = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let yaml = file.extension().is_some_and(|extension| extension == "yaml");
    let name = file.file_stem()?.to_str().filter(|_| yaml)?;
    let group = file.parent()?.file_name()?.to_str()?;
    (well_formed(name) && well_formed(group)).then(|| format!("{group}/{name}"))
}

/// The text of the file; `None` where no client called anything that a file can say.
pub fn draft(judged: &Judged, id: &str) -> Option<String> {
    let told = judged.worst_first();
    let finding = told.iter().map(|told| told.finding).find(|finding| finding.severity == Severity::Failure);
    let window = finding.map(|finding| window::around(&judged.trace, finding));
    let index = Index::new(&judged.trace);
    let chosen = window.map(|window| window.messages);
    let mut calls: Vec<Call<'_>> = index
        .messages
        .values()
        .filter(|message| chosen.as_ref().is_none_or(|chosen| chosen.contains(&message.exchange)))
        .filter_map(|message| Call::of(&index, message))
        .collect();
    calls.truncate(MOST_CALLS);
    let cast = Cast::of(&calls);
    (!calls.is_empty()).then(|| text(judged, id, finding, &calls, &cast))
}

/// One request of a client that a scenario can say.
struct Call<'t> {
    exchange: Exchange,
    user: &'t str,
    session: Option<&'t str>,
    upstream: String,
    verb: &'static str,
    /// Prompt or tool in the file, and as it was recorded.
    named: Option<(String, String)>,
    rest: Vec<String>,
    /// When it was asked and answered, in events.
    time: (usize, usize),
}

impl<'t> Call<'t> {
    fn of(index: &'t Index<'t>, message: &'t Message<'t>) -> Option<Self> {
        let upstream = upstream(index, message)?;
        let body: Value = serde_json::from_str(message.body).unwrap_or_default();
        let method = body.get("method").and_then(Value::as_str);
        let recorded = body.pointer("/params/name").and_then(Value::as_str).unwrap_or_default();
        let plain = |verb| Some((verb, None, Vec::new()));
        let list = |what: &str| Some(("list", None, vec![format!("what: {what}")]));
        let (verb, named, rest) = match (message.method, method) {
            ("DELETE", _) => plain("close"),
            (_, Some("initialize")) => plain("initialize"),
            (_, Some("ping")) => plain("ping"),
            (_, Some("tools/list")) => plain("list"),
            (_, Some("prompts/list")) => list("prompts"),
            (_, Some("resources/list")) => list("resources"),
            (_, Some("resources/templates/list")) => list("templates"),
            (_, Some("resources/read")) => Some(("read", None, vec!["uri: about://server".to_owned()])),
            (_, Some("tools/call")) => {
                let (tool, arguments) = tool(kind(&upstream), &upstream, recorded);
                Some(("call", Some((tool, recorded.to_owned())), arguments))
            }
            _ => None,
        }?;
        let time = (message.at, message.answer.map_or(usize::MAX, |answer| answer.at));
        let (exchange, user, session) = (message.exchange, message.actor.user.as_str(), message.session_used());
        Some(Self { exchange, user, session, upstream, verb, named, rest, time })
    }

    fn can_be_held(&self) -> bool {
        matches!(self.verb, "call" | "list" | "read")
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.exchange != other.exchange && self.time.0 < other.time.1 && other.time.0 < self.time.1
    }
}

/// Where a request went: as its cause tells, as its name or path says, or to the only one there is.
fn upstream(index: &Index<'_>, message: &Message<'_>) -> Option<String> {
    if let Some(arrival) = index.arrivals_of(message.exchange).next() {
        return Some(arrival.upstream.to_owned());
    }
    let known: Vec<&String> = index.facts.scenario.upstreams.keys().collect();
    let path = message.upstream.split('?').next().unwrap_or_default();
    let on_path = known.iter().find(|name| path.split('/').any(|part| part == name.as_str()));
    let only = known.first().filter(|_| known.len() == 1);
    on_path.or(only).map(|name| (*name).clone())
}

/// The fake that plays an upstream.
fn kind(upstream: &str) -> Kind {
    upstream.parse().unwrap_or(Kind::Db)
}

/// The tool of a fake in the place of a recorded one, and what stands beside it.
fn tool(kind: Kind, upstream: &str, recorded: &str) -> (String, Vec<String>) {
    let bare = recorded.strip_prefix(upstream).unwrap_or(recorded);
    let bare = if bare.len() < recorded.len() { bare.trim_start_matches(|c: char| !c.is_alphanumeric()) } else { bare };
    let speaks = ["echo", "set_context", "insert"];
    let known = tools(kind)
        .iter()
        .find(|tool| tool.name == bare && (tool.parameters.is_empty() || speaks.contains(&tool.name)));
    let (name, parameters) = known.map_or(("echo", &[("text", "string")][..]), |tool| (tool.name, tool.parameters));
    let given: Vec<String> = parameters.iter().map(|(parameter, _)| format!("{parameter}: $canary")).collect();
    let with = if given.is_empty() { Vec::new() } else { vec![format!("with: {{ {} }}", given.join(", "))] };
    (name.to_owned(), with)
}

/// Names in the file.
struct Cast<'t> {
    users: BTreeMap<&'t str, String>,
    /// The client that holds each session.
    clients: BTreeMap<(&'t str, Option<&'t str>), usize>,
}

impl<'t> Cast<'t> {
    fn of(calls: &[Call<'t>]) -> Self {
        let mut cast = Self { users: BTreeMap::new(), clients: BTreeMap::new() };
        let mut holders: BTreeMap<(&str, &str), Vec<Option<&str>>> = BTreeMap::new();
        for call in calls {
            let count = cast.users.len() + 1;
            cast.users.entry(call.user).or_insert_with(|| name(call.user, count));
            let sessions = holders.entry((call.user, &call.upstream)).or_default();
            if !sessions.contains(&call.session) {
                sessions.push(call.session);
            }
            let place = sessions.iter().position(|session| *session == call.session).unwrap_or_default();
            cast.clients.entry((call.user, call.session)).or_insert(place);
        }
        cast
    }

    /// How many clients a user has.
    fn count(&self, user: &str) -> usize {
        self.clients.iter().filter(|((who, _), _)| *who == user).map(|(_, place)| place + 1).max().unwrap_or(1)
    }

    fn actor(&self, call: &Call<'_>) -> String {
        let user = self.users.get(call.user).cloned().unwrap_or_default();
        let place = self.clients.get(&(call.user, call.session)).copied().unwrap_or_default();
        let client = if self.count(call.user) == 1 { Actor::MAIN.to_owned() } else { format!("client-{}", place + 1) };
        Actor { user, client }.to_string()
    }

    fn written(&self) -> String {
        let mut out = String::from("users:\n");
        for (user, name) in &self.users {
            let clients: Vec<String> = (1..=self.count(user)).map(|number| format!("client-{number}: main")).collect();
            let _ = match clients.len() {
                1 => writeln!(out, "  {name}: {{}}"),
                _ => writeln!(out, "  {name}: {{ clients: {{ {} }} }}", clients.join(", ")),
            };
        }
        out
    }
}

/// A name that can stand in a file: an address or a word in capitals is somebody's, and becomes a number.
fn name(user: &str, count: usize) -> String {
    let plain = user.starts_with(|c: char| c.is_ascii_lowercase())
        && user.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain { user.to_owned() } else { format!("user-{count}") }
}

/// A word as YAML has it, in quotation marks where it is not plain.
fn word(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_/".contains(&b));
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

fn text(judged: &Judged, id: &str, finding: Option<&Finding>, calls: &[Call<'_>], cast: &Cast<'_>) -> String {
    let facts = &judged.trace.facts;
    let mut out = String::from("# Drafted by `crosstalk observe` from real traffic; recorded values are `$canary`.\n");
    // Writing to a string cannot fail.
    let _ = match finding {
        Some(finding) => {
            // Longer names first: one may be a part of another.
            let mut names: Vec<_> = cast.users.iter().collect();
            names.sort_by_key(|(user, _)| std::cmp::Reverse(user.len()));
            let told = names.iter().fold(finding.headline.clone(), |told, (user, name)| told.replace(**user, name));
            writeln!(out, "# It showed: {told}.")
        }
        None => writeln!(out, "# Nothing was found; these are the first calls."),
    };
    let bugs = blame::bugs(&facts.scenario, finding.map(std::slice::from_ref).unwrap_or_default());
    let _ = writeln!(out, "scenario: {id}\ntitle: Each of these users gets what is their own, and nothing else");
    let _ = writeln!(out, "bugs: [{}]", bugs.join(", "));
    out.push_str(&cast.written());
    let upstreams: BTreeSet<&str> = calls.iter().map(|call| call.upstream.as_str()).collect();
    out.push_str("upstreams:\n");
    for upstream in &upstreams {
        let named = if upstream.parse::<Kind>().is_ok() { "{}" } else { "{ kind: db }" };
        let _ = writeln!(out, "  {}: {named}", word(upstream));
    }
    let _ = writeln!(out, "credentials: [{}]", facts.credentials);
    if upstreams.len() > 1 {
        out.push_str("needs: [routes]\n");
    }
    out.push_str("\nsteps:\n");
    steps(&mut out, calls, cast);
    out
}

/// The calls in their order; one that was in flight together with another is held for as long as it was.
fn steps(out: &mut String, calls: &[Call<'_>], cast: &Cast<'_>) {
    let held: Vec<&Call<'_>> = calls
        .iter()
        .filter(|call| call.can_be_held() && calls.iter().any(|other| other.can_be_held() && call.overlaps(other)))
        .collect();
    let mut waiting: Vec<&Call<'_>> = Vec::new();
    for call in calls {
        waiting.retain(|waiting| {
            let over = waiting.time.1 < call.time.0;
            if over {
                take(out, waiting);
            }
            !over
        });
        step(out, call, cast);
        if held.iter().any(|held| held.exchange == call.exchange) {
            let _ = writeln!(out, "    held: x{}", call.exchange);
            waiting.push(call);
        }
        waiting.sort_by_key(|waiting| waiting.time.1);
    }
    waiting.iter().for_each(|waiting| take(out, waiting));
}

fn take(out: &mut String, call: &Call<'_>) {
    let _ = writeln!(out, "  - release: [x{0}]\n  - await: x{0}", call.exchange);
}

fn step(out: &mut String, call: &Call<'_>, cast: &Cast<'_>) {
    let recorded = call.named.as_ref().filter(|(name, recorded)| !recorded.ends_with(name.as_str()));
    // A name of somebody's tool goes onto one line, whatever it is.
    let comment = recorded.map(|(_, recorded)| format!("   # recorded: {}", Value::from(recorded.as_str())));
    let object = match &call.named {
        Some((name, _)) => word(&format!("{}/{name}", call.upstream)),
        None => word(&call.upstream),
    };
    let _ = writeln!(out, "  - {}: {object}{}", call.verb, comment.unwrap_or_default());
    let _ = writeln!(out, "    as: {}", cast.actor(call));
    for line in &call.rest {
        let _ = writeln!(out, "    {line}");
    }
}
