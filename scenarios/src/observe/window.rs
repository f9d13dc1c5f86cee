//! The few exchanges that show a finding: the one at which it showed, and the one of whoever's it was.

use std::collections::BTreeSet;

use fake_upstreams::Entry;

use crate::{
    oracles::{Finding, crossing},
    trace::{
        Event, Exchange, Index, Purpose, Trace,
        index::{Arrival, Message, credential},
    },
};

/// What shows one finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The events of these exchanges alone, up to the finding.
    pub trace: Trace,
    /// The finding, in this trace.
    pub finding: Finding,
    /// The exchange at which it showed.
    pub exchange: Exchange,
    /// The exchanges of clients.
    pub messages: BTreeSet<Exchange>,
}

/// The window around a finding.
pub fn around(trace: &Trace, finding: &Finding) -> Window {
    let index = Index::new(trace);
    let shown = exchange_of(&trace.events[finding.at]);
    let mut kept = Kept { index: &index, until: finding.at, exchanges: BTreeSet::from([shown]) };
    let arrival = index.arrivals.values().find(|arrival| arrival.exchange == shown);
    let message = index.message_of(shown).or_else(|| index.message_of(arrival?.cause?));
    if let Some(arrival) = arrival {
        kept.of_one_session_or_credential(arrival);
    }
    if let Some(message) = message {
        kept.message(message);
        kept.of_equal_results(message);
    }
    let exchanges = kept.exchanges;
    let messages = exchanges.iter().copied().filter(|exchange| index.messages.contains_key(exchange)).collect();
    let upstreams: BTreeSet<&str> =
        index.arrivals.values().filter(|a| exchanges.contains(&a.exchange)).map(|a| a.upstream).collect();
    let mut facts = trace.facts.clone();
    facts.scenario.upstreams.retain(|name, _| upstreams.contains(name.as_str()));
    let places = (0..=finding.at).filter(|at| exchanges.contains(&exchange_of(&trace.events[*at])));
    let events: Vec<Event> = places.map(|at| plain(&trace.events[at])).collect();
    let finding = Finding { at: events.len().saturating_sub(1), ..finding.clone() };
    Window { trace: Trace { facts, events }, finding, exchange: shown, messages }
}

/// The exchange of an event of real traffic, of which there are no other kinds.
fn exchange_of(event: &Event) -> Exchange {
    match event {
        Event::Sent { exchange, .. }
        | Event::Received { exchange, .. }
        | Event::Heard { exchange, .. }
        | Event::Upstream(Entry::Request { exchange, .. } | Entry::Answer { exchange, .. }) => *exchange,
        _ => 0,
    }
}

/// A handshake may be what shows it, and is drawn like everything else.
fn plain(event: &Event) -> Event {
    let mut event = event.clone();
    if let Event::Sent { purpose, .. } = &mut event {
        *purpose = Purpose::Step;
    }
    event
}

struct Kept<'i, 't> {
    index: &'i Index<'t>,
    until: usize,
    exchanges: BTreeSet<Exchange>,
}

impl<'t> Kept<'_, 't> {
    /// A client's exchange, and what it caused.
    fn message(&mut self, message: &Message<'t>) {
        self.exchanges.insert(message.exchange);
        let caused = self.index.arrivals_of(message.exchange).filter(|arrival| arrival.at <= self.until);
        self.exchanges.extend(caused.map(|arrival| arrival.exchange));
    }

    /// The first request of somebody else that came on the same session, or with the same credential.
    fn of_one_session_or_credential(&mut self, shown: &Arrival<'t>) {
        let owner = |arrival: &Arrival<'t>| {
            let message = self.index.message_of(arrival.cause?)?;
            Some((&message.actor.user, message.session_used().map(str::to_owned)))
        };
        let own = owner(shown);
        let alike = |arrival: &&Arrival<'t>| {
            let session = arrival.session.is_some() && arrival.session == shown.session;
            let token = credential(arrival.headers);
            arrival.upstream == shown.upstream && (session || (token.is_some() && token == credential(shown.headers)))
        };
        let earlier = self.index.arrivals.values().filter(|arrival| arrival.at < shown.at).filter(alike);
        let first = earlier.filter(|arrival| arrival.cause.is_some() && owner(arrival) != own).min_by_key(|a| a.at);
        if let Some(message) = first.and_then(|first| self.index.message_of(first.cause?)) {
            self.message(message);
        }
    }

    /// The request of another user to which an upstream gave a result that was delivered here.
    fn of_equal_results(&mut self, message: &Message<'t>) {
        let Some(answer) = &message.answer else { return };
        let delivered = crossing::results(answer);
        let given = self.index.arrivals.values().filter(|arrival| {
            let answered = arrival.answer.as_ref().filter(|given| given.at < answer.at);
            answered.is_some_and(|given| crossing::results(given).iter().any(|result| delivered.contains(result)))
        });
        let mut others = given.filter_map(|arrival| self.index.message_of(arrival.cause?));
        if let Some(other) = others.rfind(|other| other.actor.user != message.actor.user) {
            self.message(other);
        }
    }
}
