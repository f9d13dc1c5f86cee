//! The picture: a lane for each actor, the hub and each upstream, an arrow for each message around the
//! finding, and beside it what the message was.

use std::collections::BTreeMap;

use fake_upstreams::Entry;
use serde_json::Value;

use crate::{
    diagnostics::Style,
    oracles::{Finding, rpc},
    scenario::model::Upstream,
    trace::{
        Event, Index, Purpose, Trace,
        index::{Owner, header},
    },
};

/// Columns from one lane to the next.
const WIDTH: usize = 13;
/// Messages that are drawn; those before them are counted.
const MOST_ROWS: usize = 18;
/// Longest text beside an arrow, in characters.
const LONGEST: usize = 64;

struct Row {
    at: usize,
    from: usize,
    to: usize,
    text: String,
}

/// The picture of the messages that led to `finding`.
pub fn draw(trace: &Trace, finding: &Finding, style: Style) -> String {
    let picture = Picture::new(trace, finding, style);
    let mut rows = picture.rows();
    rows.retain(|row| row.at <= finding.at);
    let hidden = rows.len().saturating_sub(MOST_ROWS);
    let shown = &rows[hidden..];
    let mut lines = vec![picture.heads()];
    if hidden > 0 {
        let messages = if hidden == 1 { "message" } else { "messages" };
        lines.push(format!("{}  {} {hidden} {messages} before", picture.lanes(style), dots(style)));
    }
    let last = shown.len().saturating_sub(1);
    for (number, row) in shown.iter().enumerate() {
        let line = |weight, here| format!("{}  {}{here}", picture.arrow(row, weight, style), row.text);
        lines.push(if number == last {
            bad(&line(Weight::Heavy, "  <-- here"), style)
        } else {
            line(Weight::Light, "")
        });
    }
    lines.join("\n")
}

/// How an arrow is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Light,
    /// The one at which it showed.
    Heavy,
}

struct Picture<'t> {
    trace: &'t Trace,
    /// The step at which the finding showed.
    step: usize,
    style: Style,
    index: Index<'t>,
    lanes: Vec<String>,
    names: BTreeMap<&'t str, String>,
    sessions: BTreeMap<(&'t str, &'t str), usize>,
}

impl<'t> Picture<'t> {
    fn new(trace: &'t Trace, finding: &Finding, style: Style) -> Self {
        let index = Index::new(trace);
        let mut lanes: Vec<String> = Vec::new();
        for message in index.messages.values() {
            let actor = message.actor.to_string();
            if !lanes.contains(&actor) {
                lanes.push(actor);
            }
        }
        lanes.sort();
        // A server that is asked directly is the target itself.
        if !trace.facts.scenario.is_for_servers() {
            lanes.push("hub".to_owned());
        }
        lanes.extend(trace.facts.scenario.upstreams.keys().cloned());
        let names = index.marks.iter().filter_map(|mark| {
            let owner = match mark.owner {
                Owner::Actor(actor) => actor.to_string(),
                Owner::User(user) => user.to_owned(),
                Owner::Public | Owner::Unresolved => return None,
            };
            let name = if style.unicode { format!("‹{owner}'s›") } else { format!("<{owner}'s>") };
            Some((mark.text, name))
        });
        let names = names.collect();
        let mut sessions = BTreeMap::new();
        for arrival in index.arrivals.values() {
            if let Some(session) = arrival.session {
                let next = sessions.len() + 1;
                sessions.entry((arrival.upstream, session)).or_insert(next);
            }
        }
        Self { trace, step: finding.step, style, index, lanes, names, sessions }
    }

    fn rows(&self) -> Vec<Row> {
        let events = self.trace.events.iter().enumerate();
        events.filter_map(|(at, event)| self.row(at, event).filter(|_| !self.handshake(event))).collect()
    }

    /// Handshakes of other steps are left out; of the step at which it showed, they may be the finding.
    fn handshake(&self, event: &Event) -> bool {
        let exchange = match event {
            Event::Sent { exchange, .. } | Event::Received { exchange, .. } => Some(*exchange),
            Event::Upstream(Entry::Request { upstream, exchange, .. }) => {
                self.index.arrivals.get(&(upstream.as_str(), *exchange)).and_then(|arrival| arrival.cause)
            }
            _ => None,
        };
        let message = exchange.and_then(|exchange| self.index.messages.get(&exchange));
        message.is_some_and(|message| message.purpose == Purpose::Handshake && message.step != self.step)
    }

    fn lane(&self, name: &str) -> usize {
        self.lanes.iter().position(|lane| lane == name).unwrap_or_default()
    }

    /// The lane of the target.
    fn hub(&self) -> usize {
        let name = if self.trace.facts.scenario.is_for_servers() { Upstream::SERVER } else { "hub" };
        self.lane(name)
    }

    fn row(&self, at: usize, event: &Event) -> Option<Row> {
        match event {
            Event::Sent { actor, body, method, .. } => {
                Some(Row { at, from: self.lane(&actor.to_string()), to: self.hub(), text: self.asked(method, body) })
            }
            Event::Heard { exchange, headers, body, .. } => {
                let message = self.index.messages.get(exchange)?;
                let told = rpc::messages(&rpc::answer_of(200, headers, body)).pop()?;
                let lane = self.lane(&message.actor.to_string());
                Some(Row { at, from: self.hub(), to: lane, text: self.cut(&self.named(&told.to_string())) })
            }
            Event::Received { exchange, status, body, .. } => {
                let message = self.index.messages.get(exchange)?;
                let text = message.answer.and_then(|answer| rpc::response(&answer)).map_or_else(
                    || self.named(body),
                    |response| self.named(&rpc::failure(&response).unwrap_or_else(|| said(&response))),
                );
                let lane = self.lane(&message.actor.to_string());
                Some(Row { at, from: self.hub(), to: lane, text: self.cut(&format!("{status} {text}")) })
            }
            Event::Upstream(Entry::Request { upstream, exchange, body, method, .. }) => {
                let arrival = self.index.arrivals.get(&(upstream.as_str(), *exchange))?;
                let session = arrival.session.and_then(|session| self.sessions.get(&(arrival.upstream, session)));
                let session = session.map_or_else(|| "no session".to_owned(), |number| format!("session {number}"));
                let text = format!("{}, {session}, {}", self.asked(method, body), self.credential(arrival.headers));
                Some(Row { at, from: self.hub(), to: self.lane(upstream), text: self.cut(&text) })
            }
            Event::Upstream(Entry::Parked { upstream, .. }) => {
                Some(Row { at, from: self.lane(upstream), to: self.lane(upstream), text: "held".into() })
            }
            Event::Upstream(Entry::Released { upstream, .. }) => {
                Some(Row { at, from: self.lane(upstream), to: self.lane(upstream), text: "let go".into() })
            }
            Event::Clock { advanced_ms } => {
                Some(Row { at, from: self.hub(), to: self.hub(), text: format!("{advanced_ms} ms pass") })
            }
            _ => None,
        }
    }

    /// What a request asks, marks replaced by whose they are.
    fn asked(&self, method: &str, body: &str) -> String {
        let Ok(message) = serde_json::from_str::<Value>(body) else { return method.to_owned() };
        let what = message.pointer("/params/name").or(message.get("method")).and_then(Value::as_str).unwrap_or(method);
        let arguments = message
            .pointer("/params/arguments")
            .filter(|arguments| arguments.as_object().is_some_and(|a| !a.is_empty()));
        let arguments =
            arguments.map(|arguments| format!(" {}", self.named(&arguments.to_string()))).unwrap_or_default();
        self.cut(&format!("{what}{arguments}"))
    }

    fn credential(&self, headers: &[(String, String)]) -> String {
        let token = header(headers, "authorization").map(|value| value.trim_start_matches("Bearer "));
        match token.map(|token| self.trace.facts.token_owner(token)) {
            None => "no credential".into(),
            Some(Some(owner)) => format!("as {owner}"),
            Some(None) if self.is_unknown(token) => format!("with {}", token.map(short).unwrap_or_default()),
            Some(None) => "as the hub".into(),
        }
    }

    /// In real traffic, a credential may be anybody's.
    fn is_unknown(&self, token: Option<&str>) -> bool {
        let facts = &self.trace.facts;
        facts.attached.is_some() && !facts.service_tokens.values().any(|own| Some(own.as_str()) == token)
    }

    /// Text on one line, every mark replaced by whose it is.
    fn named(&self, text: &str) -> String {
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for mark in self.index.marks_in(&text.clone()) {
            if let Some(name) = self.names.get(mark.text) {
                text = text.replace(mark.text, name);
            }
        }
        text
    }

    fn cut(&self, text: &str) -> String {
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}{}", &text[..end], dots(self.style)),
            None => text.to_owned(),
        }
    }

    fn heads(&self) -> String {
        let heads: String = self
            .lanes
            .iter()
            .map(|lane| format!("{:^WIDTH$}", lane.chars().take(WIDTH - 1).collect::<String>()))
            .collect();
        heads.trim_end().to_owned()
    }

    fn lanes(&self, style: Style) -> String {
        self.canvas(style).into_iter().collect()
    }

    fn canvas(&self, style: Style) -> Vec<char> {
        let mut canvas = vec![' '; self.lanes.len() * WIDTH];
        for lane in 0..self.lanes.len() {
            canvas[middle(lane)] = if style.unicode { '│' } else { '|' };
        }
        canvas
    }

    fn arrow(&self, row: &Row, weight: Weight, style: Style) -> String {
        let mut canvas = self.canvas(style);
        let (line, right, left, stop) = if style.unicode { ('─', '▶', '◀', '◆') } else { ('-', '>', '<', '*') };
        let line = if weight == Weight::Heavy && style.unicode { '═' } else { line };
        let line = if weight == Weight::Heavy && !style.unicode { '=' } else { line };
        let (from, to) = (middle(row.from), middle(row.to));
        if from == to {
            canvas[from] = stop;
            return canvas.into_iter().collect();
        }
        for cell in &mut canvas[from.min(to) + 1..from.max(to)] {
            *cell = line;
        }
        if from < to {
            canvas[to - 1] = right;
        } else {
            canvas[to + 1] = left;
        }
        canvas.into_iter().collect()
    }
}

fn middle(lane: usize) -> usize {
    lane * WIDTH + WIDTH / 2
}

/// A result in short: its text, or what it is.
fn said(response: &Value) -> String {
    let text = rpc::text(response);
    if !text.is_empty() {
        return text;
    }
    match rpc::names(response) {
        Some(tools) => format!("tools: {}", tools.join(", ")),
        None => response.get("result").map(Value::to_string).unwrap_or_default(),
    }
}

/// A fingerprint in a word.
fn short(token: &str) -> String {
    let hidden = token.rsplit('-').next().unwrap_or(token);
    format!("credential {}", hidden.chars().take(6).collect::<String>())
}

fn dots(style: Style) -> &'static str {
    if style.unicode { "…" } else { "..." }
}

/// The line at which it showed, red where there is color.
fn bad(text: &str, style: Style) -> String {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    if style.color { format!("{red}{text}{red:#}") } else { text.to_owned() }
}
