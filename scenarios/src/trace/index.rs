//! The questions that oracles ask of a trace: whose call is this, whose session, whose mark.
//!
//! Ownership is resolved here, once, for all oracles. An arrival at an upstream belongs to the call
//! whose mark it carries, or in real traffic to the one that the facts name; one without a mark (a DELETE, a hub's own handshake) belongs to whoever
//! first used its upstream session; failing that, to the user whose credential it carries. A mark
//! minted by an upstream belongs to the call, account or session it was minted for. What cannot be
//! resolved stays unresolved: an oracle must not guess.

use std::collections::BTreeMap;

use fake_upstreams::{Basis, Entry};

pub use super::parts::{Answer, Arrival, Asked, Mark, MarkKind, Message, Owner, credential, header};
use super::{Event, Exchange, Facts, Trace, event::Outcome, sight::Sight};
use crate::scenario::model::Action;

/// A trace, looked up.
#[derive(Debug)]
pub struct Index<'t> {
    /// The declared facts.
    pub facts: &'t Facts,
    /// Everything that happened.
    pub events: &'t [Event],
    /// Every exchange between an actor and the target.
    pub messages: BTreeMap<Exchange, Message<'t>>,
    /// Every request that reached an upstream, by upstream and its own exchange number.
    pub arrivals: BTreeMap<(&'t str, u64), Arrival<'t>>,
    /// What the engine saw of each step.
    pub outcomes: BTreeMap<usize, &'t Outcome>,
    /// Where each step ended in the event list.
    pub step_ends: BTreeMap<usize, usize>,
    /// Every mark of the run.
    pub marks: Vec<Mark<'t>>,
    /// What each exchange of an actor caused.
    caused: BTreeMap<Exchange, Vec<(&'t str, u64)>>,
    sight: Sight,
}

impl<'t> Index<'t> {
    /// Looks a trace up.
    pub fn new(trace: &'t Trace) -> Self {
        let mut index = Self {
            facts: &trace.facts,
            events: &trace.events,
            messages: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            step_ends: BTreeMap::new(),
            marks: Vec::new(),
            caused: BTreeMap::new(),
            sight: Sight::new([]),
        };
        for (at, event) in trace.events.iter().enumerate() {
            index.take(at, event);
        }
        index.collect_marks(trace);
        index.sight = Sight::new(index.marks.iter().map(|mark| mark.text));
        index.attribute_arrivals();
        for (place, arrival) in &index.arrivals {
            if let Some(cause) = arrival.cause {
                index.caused.entry(cause).or_default().push(*place);
            }
        }
        index.attribute_marks();
        index
    }

    /// All known marks in a text.
    pub fn marks_in(&self, text: &str) -> impl Iterator<Item = &Mark<'t>> + use<'_, 't> {
        self.sight.find(text).into_iter().map(|number| &self.marks[number])
    }

    /// Whose an arrival is.
    pub fn owner_of(&self, arrival: &Arrival<'t>) -> Owner<'t> {
        if let Some(message) = arrival.cause.and_then(|cause| self.messages.get(&cause)) {
            return Owner::Actor(message.actor);
        }
        if let Some(owner) = arrival.session.and_then(|s| self.session_owner(arrival.upstream, s)) {
            return owner;
        }
        match arrival.token().and_then(|token| self.facts.token_owner(token)) {
            Some(user) => Owner::User(user),
            None => Owner::Unresolved,
        }
    }

    /// The owner of an upstream session: whoever's marked request used it first.
    pub fn session_owner(&self, upstream: &str, session: &str) -> Option<Owner<'t>> {
        self.arrivals
            .values()
            .filter(|a| a.upstream == upstream && a.session == Some(session))
            .filter_map(|a| Some((a.at, self.messages.get(&a.cause?)?.actor)))
            .min_by_key(|(at, _)| *at)
            .map(|(_, actor)| Owner::Actor(actor))
    }

    /// The owner of a handle: whoever it was given to.
    pub fn handle_owner(&self, upstream: &str, handle: &str) -> Option<Owner<'t>> {
        let given = self.events.iter().find_map(|event| match event {
            Event::Upstream(Entry::Handle { upstream: at, exchange, handle: given })
                if at == upstream && given == handle =>
            {
                Some((at.as_str(), *exchange))
            }
            _ => None,
        })?;
        self.arrivals.get(&given).map(|arrival| self.owner_of(arrival))
    }

    /// The arrivals that an actor's exchange caused, in order.
    pub fn arrivals_of(&self, exchange: Exchange) -> impl Iterator<Item = &Arrival<'t>> {
        self.caused.get(&exchange).into_iter().flatten().filter_map(|arrival| self.arrivals.get(arrival))
    }

    /// The message that a step is about: its own, or the handshake that failed before it.
    pub fn message_of(&self, exchange: Exchange) -> Option<&Message<'t>> {
        self.messages.get(&exchange)
    }

    /// The message of the call that was begun under this label.
    pub fn begun(&self, label: &str) -> Option<&Message<'t>> {
        let step = self.facts.scenario.steps.iter().position(|step| match &step.action {
            Action::Request(request) => request.begun.as_ref().is_some_and(|begun| begun.value == label),
            _ => false,
        })?;
        self.message_of(self.exchange_of(step)?)
    }

    /// The step that was being played at an event; the last one for what came after all of them.
    pub fn step_at(&self, at: usize) -> usize {
        let playing = self.step_ends.iter().find(|(_, end)| **end > at).or_else(|| self.step_ends.iter().next_back());
        playing.map_or(0, |(step, _)| *step)
    }

    /// The exchange in which a step's answer is to be found, if it has one.
    pub fn exchange_of(&self, step: usize) -> Option<Exchange> {
        match self.outcomes.get(&step)? {
            Outcome::Answered { exchange }
            | Outcome::Parked { exchange }
            | Outcome::AnsweredEarly { exchange }
            | Outcome::Begun { exchange }
            | Outcome::NoAnswer { exchange }
            | Outcome::Broken { exchange } => Some(*exchange),
            Outcome::Withdrawn | Outcome::Done => None,
        }
    }

    fn take(&mut self, at: usize, event: &'t Event) {
        match event {
            Event::Sent { exchange, actor, upstream, step, purpose, mark, method, session, body, .. } => {
                let message = Message {
                    exchange: *exchange,
                    at,
                    actor,
                    upstream,
                    step: *step,
                    purpose: *purpose,
                    mark: mark.as_deref(),
                    method,
                    session: session.as_deref(),
                    body,
                    answer: None,
                    heard: Vec::new(),
                };
                self.messages.insert(*exchange, message);
            }
            Event::Heard { exchange, status, headers, body } => {
                if let Some(message) = self.messages.get_mut(exchange) {
                    let answer = Answer { at, status: *status, headers, body };
                    message.heard.push(answer);
                    message.answer = Some(answer);
                }
            }
            Event::Received { exchange, status, headers, body } => {
                if let Some(message) = self.messages.get_mut(exchange) {
                    message.answer = Some(Answer { at, status: *status, headers, body });
                }
            }
            Event::Upstream(entry) => self.take_entry(at, entry),
            Event::Step { step, outcome } => {
                self.outcomes.insert(*step, outcome);
                self.step_ends.insert(*step, at);
            }
            Event::Broken { .. } | Event::Clock { .. } | Event::Log { .. } => {}
        }
    }

    fn take_entry(&mut self, at: usize, entry: &'t Entry) {
        match entry {
            Entry::Request { upstream, exchange, method, headers, body, .. } => {
                let arrival = Arrival {
                    upstream,
                    exchange: *exchange,
                    at,
                    method,
                    headers,
                    body,
                    session: header(headers, "mcp-session-id"),
                    cause: None,
                    answer: None,
                    executed: 0,
                    service: Vec::new(),
                };
                self.arrivals.insert((upstream, *exchange), arrival);
            }
            Entry::Answer { upstream, exchange, status, headers, body, .. } => {
                if let Some(arrival) = self.arrivals.get_mut(&(upstream.as_str(), *exchange)) {
                    arrival.answer = Some(Answer { at, status: *status, headers, body });
                    arrival.session = arrival.session.or_else(|| header(headers, "mcp-session-id"));
                }
            }
            Entry::Service { upstream, exchange, path, token, .. } => {
                if let Some(arrival) = self.arrivals.get_mut(&(upstream.as_str(), *exchange)) {
                    arrival.service.push(Asked { at, path, token: token.as_deref() });
                }
            }
            Entry::Executed { upstream, exchange, .. } => {
                if let Some(arrival) = self.arrivals.get_mut(&(upstream.as_str(), *exchange)) {
                    arrival.executed += 1;
                }
            }
            _ => {}
        }
    }

    /// Joins every arrival with the actor's exchange whose mark it carries, or that the facts name.
    fn attribute_arrivals(&mut self) {
        if let Some(attached) = &self.facts.attached {
            for ((upstream, number), arrival) in &mut self.arrivals {
                arrival.cause = attached.causes.get(*upstream).and_then(|causes| causes.get(number)).copied();
            }
            return;
        }
        let mut requests: BTreeMap<&str, Exchange> = BTreeMap::new();
        for message in self.messages.values() {
            if let Some(mark) = message.mark {
                requests.entry(mark).or_insert(message.exchange);
            }
        }
        for arrival in self.arrivals.values_mut() {
            let found = self.sight.find(arrival.body).into_iter();
            arrival.cause = found.filter_map(|number| requests.get(self.marks[number].text)).min().copied();
        }
    }

    /// Every mark; whose those are that upstreams minted is told later, by [`Index::attribute_marks`].
    fn collect_marks(&mut self, trace: &'t Trace) {
        for canary in &trace.facts.canaries {
            let owner = Owner::Actor(&canary.actor);
            self.marks.push(Mark { text: &canary.mark, owner, minted: None, basis: None, kind: MarkKind::Canary });
        }
        for message in self.messages.values() {
            if let Some(text) = message.mark {
                let owner = Owner::Actor(message.actor);
                self.marks.push(Mark { text, owner, minted: None, basis: None, kind: MarkKind::Request });
            }
        }
        for event in &trace.events {
            if let Event::Upstream(Entry::Mark { upstream, exchange, mark, basis }) = event {
                let minted = Some((upstream.as_str(), *exchange));
                let kind = if *basis == Basis::Call { MarkKind::Answer } else { MarkKind::Data };
                self.marks.push(Mark { text: mark, owner: Owner::Unresolved, minted, basis: Some(basis), kind });
            }
        }
    }

    fn attribute_marks(&mut self) {
        let owner = |mark: &Mark<'t>| Some(self.resolve(mark.minted?, mark.basis?));
        let owners: Vec<Option<Owner<'t>>> = self.marks.iter().map(owner).collect();
        for (mark, owner) in self.marks.iter_mut().zip(owners) {
            mark.owner = owner.unwrap_or(mark.owner);
        }
    }

    fn resolve(&self, minted: (&'t str, u64), basis: &'t Basis) -> Owner<'t> {
        match basis {
            Basis::Call => self.arrivals.get(&minted).map_or(Owner::Unresolved, |a| self.owner_of(a)),
            Basis::Account { login } => {
                let user = self.facts.scenario.users.get_key_value(login);
                // An account that is no user's is the service account, whose data all callers share.
                user.map_or(Owner::Public, |(name, _)| Owner::User(name))
            }
            Basis::Session { session } => self.session_owner(minted.0, session).unwrap_or(Owner::Unresolved),
            Basis::Handle { handle } => self.handle_owner(minted.0, handle).unwrap_or(Owner::Unresolved),
            Basis::Public => Owner::Public,
        }
    }
}
