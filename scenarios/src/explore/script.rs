//! From a program to steps: what of it can be done, in what words, and what must come of it.
//!
//! Everything is known beforehand: which sessions are open, which calls wait where and under which id, who has too
//! many sessions. A move that cannot be made is left out; in the end every call is let go and its answer taken.
//!
//! Two sorts of moves are left out although they could be made, because a user alone would not make them and their
//! memory would differ from then on: a call that leaves something behind is never given up or made to fail.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    calls::{Call, Calls, State},
    memory::{Accounts, Expected, Memory, Who},
    program::{Ask, CLIENTS, Id, Key, Limit, Move, NAMES, Pace, Program, Progress, Route, Server, Verb, What},
};
use crate::scenario::model::CredentialMode;

/// One step: its keys, each with its value as YAML.
pub(super) type Step = Vec<(&'static str, String)>;
/// A route: a server's own, or that of all.
pub(super) type Way = Option<Server>;

/// Steps, and what they need above them.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    /// Everybody whom a step names.
    pub(super) people: BTreeSet<Who>,
    /// Every server that a step names.
    pub(super) servers: BTreeSet<Server>,
    /// Whether the clock is moved.
    pub(super) moves_clock: bool,
    /// Whether a step travels on the route of all.
    pub(super) merges: bool,
}

/// A client's session on a route.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) open: bool,
    /// Which of the sessions that this client had here.
    pub(super) generation: usize,
    pub(super) memories: BTreeMap<Server, Memory>,
}

/// A program being written down.
pub(super) struct Author<'p> {
    pub(super) program: &'p Program,
    pub(super) script: Script,
    pub(super) lines: BTreeMap<(Who, Way), Line>,
    pub(super) accounts: Accounts,
    pub(super) calls: Calls,
    /// Sessions of the past that are still open: their clients began another one.
    left_open: Vec<(Who, Way, usize)>,
    values: BTreeMap<Who, usize>,
}

/// How many values of its own a client puts in before it begins again.
const VALUES: usize = 4;

/// The steps of a program.
pub(super) fn script(program: &Program) -> Script {
    let mut author = Author {
        program,
        script: Script::default(),
        lines: BTreeMap::new(),
        accounts: Accounts::new(),
        calls: Calls::default(),
        left_open: Vec::new(),
        values: BTreeMap::new(),
    };
    for one in &program.moves {
        author.make(one);
    }
    let rest = author.calls.owed();
    author.release(&rest);
    if author.script.steps.is_empty() {
        let ask = Ask { verb: Verb::Ping, id: None, pace: Pace::AtOnce, progress: Progress::Untold };
        author.ask(author.who(0, 0), author.server(0), &ask);
    }
    author.script
}

impl Author<'_> {
    fn make(&mut self, one: &Move) {
        let (who, server) = (self.who(one.user, one.client), self.server(one.server));
        match &one.what {
            What::Ask(ask) => self.ask(who, server, ask),
            What::Release(which) => self.release(&self.calls.one(*which)),
            What::ReleaseAll(first) => self.release(&self.calls.all_from(*first)),
            What::Cancel(which) => self.cancel(*which),
            What::Drop(which) => self.drop(*which),
            What::Close => self.close(who, server),
            What::Initialize => self.initialize(who, server),
            What::Wait => self.wait(),
            What::Intrude(intrusion) => self.intrude(who, server, intrusion),
            What::NoSession => self.stranger(who, server, "missing-session", &[("session", "absent")]),
            What::NoKey => self.without_key(who, server),
            What::Census => self.census(who, server),
        }
    }

    pub(super) fn who(&self, user: usize, client: usize) -> Who {
        let user = user % self.program.users.len();
        Who { user, client: client % self.program.users[user].clients.len() }
    }

    pub(super) fn server(&self, server: usize) -> Server {
        self.program.servers[server % self.program.servers.len()]
    }

    /// `alice`, or `alice.phone` where she has several clients.
    pub(super) fn name(&self, who: Who) -> String {
        match self.program.users[who.user].clients.len() {
            1 => NAMES[who.user].to_owned(),
            _ => format!("{}.{}", NAMES[who.user], CLIENTS[who.client]),
        }
    }

    pub(super) fn key(&self, who: Who) -> Key {
        self.program.users[who.user].clients[who.client].key
    }

    /// On which route a client reaches a server. Whoever lacks a credential works on the servers' own.
    pub(super) fn way(&self, who: Who, server: Server) -> Way {
        let person = &self.program.users[who.user];
        let merged = person.clients[who.client].route == Route::All && !person.unlinked;
        (!merged).then_some(server)
    }

    /// Whether a user has no credential there.
    pub(super) fn unlinked(&self, user: usize, server: Server) -> bool {
        self.program.users[user].unlinked
            && self.program.credentials() == CredentialMode::PerUser
            && self.program.servers.first() == Some(&server)
    }

    /// A fresh value of a client's own: `$canary` forms of a few series, in turn.
    pub(super) fn value(&mut self, who: Who) -> String {
        let count = self.values.entry(who).or_default();
        *count += 1;
        match (*count - 1) % VALUES {
            0 => format!("$canary({})", self.name(who)),
            series => format!("$canary({})#{}", self.name(who), series + 1),
        }
    }

    /// Writes a step down, with whom and what it names.
    pub(super) fn step(&mut self, who: Who, way: Way, server: Server, step: Step) {
        self.script.people.insert(who);
        self.script.servers.insert(server);
        self.script.merges |= way.is_none();
        self.script.steps.push(step);
    }

    pub(super) fn line(&mut self, who: Who, way: Way) -> &mut Line {
        self.lines.entry((who, way)).or_default()
    }

    /// Opens a session where there is none; false where the user has too many.
    pub(super) fn opened(&mut self, who: Who, way: Way) -> bool {
        if self.line(who, way).open {
            return true;
        }
        if self.over_limit(who.user) {
            return false;
        }
        let line = self.line(who, way);
        *line = Line { open: true, generation: line.generation + 1, memories: BTreeMap::new() };
        true
    }

    /// Whether a user has as many sessions as they may. A session counts until it is ended, whatever still waits upstream.
    fn over_limit(&self, user: usize) -> bool {
        let Limit::Sessions(most) = self.program.limit else { return false };
        let open = self.lines.iter().filter(|(_, line)| line.open);
        let mut counted: BTreeSet<(Who, Way, usize)> =
            open.map(|((who, way), line)| (*who, *way, line.generation)).collect();
        counted.extend(self.left_open.iter().copied());
        counted.iter().filter(|(who, ..)| who.user == user).count() >= most
    }

    /// Lets calls go, and takes the answers of those who still wait.
    fn release(&mut self, labels: &[usize]) {
        if labels.is_empty() {
            return;
        }
        let names: Vec<&str> = labels.iter().map(|label| self.calls.get(*label).label.as_str()).collect();
        self.script.steps.push(vec![("release", format!("[{}]", names.join(", ")))]);
        for label in labels {
            let call = self.calls.let_go(*label);
            if let Some((label, expect)) = call {
                self.script.steps.push(answered(&label, expect));
            }
        }
    }

    fn cancel(&mut self, which: usize) {
        let lines = &self.lines;
        let own = |call: &Call| {
            lines.get(&(call.who, call.way)).is_some_and(|line| line.open && line.generation == call.generation)
        };
        let Some(call) = self.calls.pick(which, |call| call.state != State::Over && !call.writes && own(call)) else {
            return;
        };
        call.state = State::Over;
        call.given_up = true;
        let step = vec![("cancel", call.label.clone()), ("expect", "{ canceled: 1 }".to_owned())];
        self.script.steps.push(step);
    }

    fn drop(&mut self, which: usize) {
        let Some(call) = self.calls.pick(which, |call| call.state == State::Waiting && !call.writes) else { return };
        call.state = State::Unheard;
        call.given_up = true;
        self.script.steps.push(vec![("drop", call.label.clone())]);
    }

    fn close(&mut self, who: Who, server: Server) {
        let way = self.way(who, server);
        let line = self.line(who, way);
        let generation = line.generation;
        let session = |call: &Call| call.who == who && call.way == way && call.generation == generation;
        // A user alone, through nothing, cannot end the session of all servers.
        if !line.open || way.is_none() || self.calls.owes_a_change(session) {
            return;
        }
        self.line(who, way).open = false;
        let step = vec![("close", server.name().to_owned()), ("as", self.name(who))];
        self.step(who, way, server, step);
        self.fail(session);
    }

    fn initialize(&mut self, who: Who, server: Server) {
        let way = self.way(who, server);
        if way.is_none() {
            return;
        }
        let mut step = vec![("initialize", server.name().to_owned()), ("as", self.name(who))];
        if self.unlinked(who.user, server) {
            step.push(("expect", "{ refused: not-linked }".to_owned()));
        } else if self.over_limit(who.user) {
            step.push(("expect", "{ refused: over-limit }".to_owned()));
        } else {
            let line = self.line(who, way);
            let (open, generation) = (line.open, line.generation);
            *line = Line { open: true, generation: generation + 1, memories: BTreeMap::new() };
            if open {
                self.left_open.push((who, way, generation));
            }
        }
        self.step(who, way, server, step);
    }

    /// How many sessions a server has seen. On the route of all it sees them when they are first needed, which is
    /// left to the hub, so then nobody counts.
    fn census(&mut self, who: Who, server: Server) {
        // Where nobody has asked anything yet, a count would verify nothing.
        if self.script.merges || self.lines.values().all(|line| line.generation == 0) {
            return;
        }
        let here = |(_, way): &&(Who, Way)| *way == Some(server);
        let opened: usize = self.lines.iter().filter(|(at, _)| here(at)).map(|(_, line)| line.generation).sum();
        let open = self.lines.iter().filter(|(at, line)| here(at) && line.open).count();
        let left = self.left_open.iter().filter(|(_, way, _)| *way == Some(server)).count();
        let expect = format!("{{ sessions: {{ opened: {opened}, open: {} }} }}", open + left);
        self.step(who, Some(server), server, vec![("census", server.name().to_owned()), ("expect", expect)]);
    }

    fn wait(&mut self) {
        let patient = self.program.limit != Limit::CallTimeout;
        if patient || !self.calls.any_in_flight() || self.calls.owes_a_change(|_| true) {
            return;
        }
        self.script.moves_clock = true;
        self.script.steps.push(vec![("advance-clock", "6s".to_owned())]);
        self.fail(|_| true);
    }

    /// Calls that end without their answer.
    fn fail(&mut self, which: impl Fn(&Call) -> bool) {
        for label in self.calls.fail(which) {
            self.script.steps.push(answered(&label, "{ error: any }".to_owned()));
        }
    }
}

fn answered(label: &str, expect: String) -> Step {
    let mut step = vec![("await", label.to_owned())];
    if !expect.is_empty() {
        step.push(("expect", expect));
    }
    step
}

/// An expectation in YAML, with what else is expected; empty where nothing is.
pub(super) fn expect(expected: &Expected, besides: &[(&str, u64)]) -> String {
    let list = |words: &[String]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
    let mut parts: Vec<String> = match expected {
        Expected::Any => Vec::new(),
        Expected::Exactly(text) => vec![format!("text: {{ exactly: {} }}", quoted(text))],
        Expected::Holding(parts) => vec![format!("text: [{}]", list(parts))],
        Expected::Error => vec!["error: any".to_owned()],
        Expected::Names(there, absent) if absent.is_empty() => {
            vec![format!("names: {{ contains: [{}] }}", list(there))]
        }
        Expected::Names(there, absent) => {
            vec![format!("names: {{ contains: [{}], excludes: [{}] }}", list(there), list(absent))]
        }
    };
    parts.extend(besides.iter().map(|(name, count)| format!("{name}: {count}")));
    if parts.is_empty() { String::new() } else { format!("{{ {} }}", parts.join(", ")) }
}

/// A text in YAML: bare where nobody could take it for something else.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "$#_()./-".contains(c);
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$')
        && text.chars().all(plain)
        && !matches!(text, "true" | "false" | "null" | "any");
    if bare { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// An id in YAML.
pub(super) fn id(id: Id) -> String {
    match id {
        Id::One => "1".to_owned(),
        Id::Two => "2".to_owned(),
        Id::Text => "\"1\"".to_owned(),
    }
}
