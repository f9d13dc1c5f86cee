//! A play recorded against the strict hub, and the places where it can be spoiled. Steps count from 1, as in reports.

use std::sync::Arc;

use fake_upstreams::Entry;

use crate::{
    oracles::{Finding, judge},
    run::{self, Options, cell, cell::Control},
    scenario,
    trace::{
        Event, Exchange, Index, Trace,
        index::{Arrival, MarkKind, Message, header},
        stored,
    },
};

/// A recorded play.
pub(super) struct Tape {
    pub(super) trace: Trace,
    /// The same of each user alone.
    pub(super) alone: Vec<Trace>,
}

/// An HTTP message, to be spoiled.
pub(super) struct Spoiled<'t> {
    pub(super) headers: &'t mut Vec<(String, String)>,
    pub(super) body: &'t mut String,
}

impl Tape {
    /// Plays the first cell of a scenario, in which no oracle finds anything.
    pub(super) fn record(play: &str) -> Self {
        let scenario = scenario::own("violations/play.yaml", play).unwrap_or_else(|wrong| panic!("{wrong}"));
        let options = Options::default();
        let cells = run::plan(&[Arc::new(scenario)], &options);
        let (trace, alone) = cell::traces(&cells[0], &options, Control::EveryUser).unwrap();
        let tape = Self { trace, alone };
        assert_eq!(tape.judged(&tape.trace), [], "the strict hub");
        tape
    }

    /// What is found in this trace, beside the users alone.
    pub(super) fn judged(&self, trace: &Trace) -> Vec<Finding> {
        let alone: Vec<Index<'_>> = self.alone.iter().map(Index::new).collect();
        judge(&Index::new(trace), &alone)
    }

    /// The trace, once through a file.
    pub(super) fn stored_and_read_back(&self) -> Trace {
        let mut file = Vec::new();
        stored::write(&self.trace, &mut file).unwrap();
        let read = stored::read(file.as_slice()).unwrap();
        assert_eq!(read, self.trace);
        read
    }

    /// Asks something of the trace as it is.
    pub(super) fn ask<R>(&self, question: impl FnOnce(&Index<'_>) -> R) -> R {
        question(&Index::new(&self.trace))
    }

    /// The message that a step sent.
    fn of_step<R>(&self, step: usize, question: impl FnOnce(&Index<'_>, &Message<'_>) -> R) -> R {
        self.ask(|index| {
            let sent =
                index.messages.values().filter(|message| message.step == step - 1).max_by_key(|message| message.at);
            let exchange = index.exchange_of(step - 1);
            let message = exchange.and_then(|exchange| index.message_of(exchange)).or(sent);
            question(index, message.unwrap_or_else(|| panic!("step {step} sent nothing")))
        })
    }

    /// What reached an upstream for a step, first to last.
    fn arrivals<R>(&self, step: usize, question: impl FnOnce(&Arrival<'_>) -> R) -> R {
        self.of_step(step, |index, message| {
            let last = index.arrivals_of(message.exchange).last();
            question(last.unwrap_or_else(|| panic!("nothing of step {step} reached an upstream")))
        })
    }

    pub(super) fn exchange(&self, step: usize) -> Exchange {
        self.of_step(step, |_, message| message.exchange)
    }

    /// The session that a step's client used.
    pub(super) fn session(&self, step: usize) -> String {
        self.of_step(step, |_, message| message.session_used().unwrap().to_owned())
    }

    /// The upstream session that a step's request used.
    pub(super) fn upstream_session(&self, step: usize) -> String {
        self.arrivals(step, |arrival| arrival.session.unwrap().to_owned())
    }

    /// What reached the upstream for a step, by its number there.
    pub(super) fn upstream_exchange(&self, step: usize) -> (String, u64) {
        self.arrivals(step, |arrival| (arrival.upstream.to_owned(), arrival.exchange))
    }

    /// The body of the answer that a step was given.
    pub(super) fn body(&self, step: usize) -> String {
        self.of_step(step, |_, message| message.answer.unwrap().body.to_owned())
    }

    /// A header of what reached the upstream for a step.
    pub(super) fn told_upstream(&self, step: usize, name: &str) -> String {
        self.arrivals(step, |arrival| header(arrival.headers, name).unwrap().to_owned())
    }

    /// A mark of this kind that was minted for a step's request.
    pub(super) fn mark(&self, step: usize, kind: MarkKind) -> String {
        self.of_step(step, |index, message| {
            let minted = index.arrivals_of(message.exchange).map(|arrival| (arrival.upstream, arrival.exchange));
            let minted: Vec<_> = minted.collect();
            let mark = index.marks.iter().find(|mark| {
                mark.kind == kind
                    && mark.minted.map_or(mark.text == message.mark.unwrap_or_default(), |m| minted.contains(&m))
            });
            mark.unwrap_or_else(|| panic!("no {kind:?} mark in step {step}")).text.to_owned()
        })
    }

    /// The `$canary` of a user.
    pub(super) fn canary(&self, user: &str) -> String {
        self.canary_of(user, "")
    }

    /// The `$canary#series` of a user.
    pub(super) fn canary_of(&self, user: &str, series: &str) -> String {
        let mut own = self.trace.facts.canaries.iter().filter(|canary| canary.actor.user == user);
        own.find(|canary| canary.series == series).unwrap_or_else(|| panic!("{user} has no canary")).mark.clone()
    }

    pub(super) fn token(&self, user: &str, upstream: &str) -> String {
        self.trace.facts.tokens[user][upstream].clone()
    }

    pub(super) fn key(&self, actor: &str) -> String {
        self.trace.facts.keys[actor].clone()
    }

    /// Spoils the answer that a step was given.
    pub(super) fn answer(&mut self, step: usize, spoil: impl FnOnce(Spoiled<'_>)) {
        let of = self.exchange(step);
        self.received(of, |_, spoiled| spoil(spoiled));
    }

    /// Spoils the status of the answer that a step was given.
    pub(super) fn status(&mut self, step: usize, spoiled: u16) {
        let of = self.exchange(step);
        self.received(of, |status, _| *status = spoiled);
    }

    /// Spoils the last that was received on an exchange.
    pub(super) fn received(&mut self, of: Exchange, spoil: impl FnOnce(&mut u16, Spoiled<'_>)) {
        let answer = self.trace.events.iter_mut().rev().find_map(|event| match event {
            Event::Received { exchange, status, headers, body } | Event::Heard { exchange, status, headers, body }
                if *exchange == of =>
            {
                Some((status, Spoiled { headers, body }))
            }
            _ => None,
        });
        let (status, spoiled) = answer.unwrap_or_else(|| panic!("exchange {of} has no answer"));
        spoil(status, spoiled);
    }

    /// Spoils every answer to a session's `initialize`, by whose step it was opened.
    pub(super) fn session_id(&mut self, step: usize, given: &str) {
        let known = self.session(step);
        for event in &mut self.trace.events {
            if let Event::Received { headers, .. } = event {
                for (_, value) in headers.iter_mut().filter(|(name, value)| name == "mcp-session-id" && *value == known)
                {
                    given.clone_into(value);
                }
            }
        }
    }

    /// Spoils what reached the upstream for a step.
    pub(super) fn arrival(&mut self, step: usize, spoil: impl FnOnce(Spoiled<'_>)) {
        let (at, number) = self.upstream_exchange(step);
        let request = self.trace.events.iter_mut().find_map(|event| match event {
            Event::Upstream(Entry::Request { upstream, exchange, headers, body, .. })
                if *upstream == at && *exchange == number =>
            {
                Some(Spoiled { headers, body })
            }
            _ => None,
        });
        spoil(request.expect("it was found above"));
    }

    /// Forgets what fits.
    pub(super) fn forget(&mut self, forgotten: impl Fn(&Event) -> bool) {
        let before = self.trace.events.len();
        self.trace.events.retain(|event| !forgotten(event));
        assert!(self.trace.events.len() < before, "there was nothing to forget");
    }

    /// Writes down once more what fits first.
    pub(super) fn repeat(&mut self, repeated: impl Fn(&Event) -> bool) {
        let at = self.trace.events.iter().position(repeated).expect("something to repeat");
        self.trace.events.insert(at, self.trace.events[at].clone());
    }

    /// Spoils what was heard on the stream of a step, at every moment.
    pub(super) fn heard(&mut self, step: usize, old: &str, new: &str) {
        let of = self.exchange(step);
        for event in &mut self.trace.events {
            if let Event::Heard { exchange, body, .. } | Event::Received { exchange, body, .. } = event
                && *exchange == of
            {
                *body = body.replace(old, new);
            }
        }
    }

    /// A line of the hub's log.
    pub(super) fn log(&mut self, line: String) {
        self.trace.events.push(Event::Log { line });
    }
}

impl Spoiled<'_> {
    /// Puts one text in the place of another, which must be there.
    pub(super) fn replace(self, old: &str, new: &str) {
        assert!(self.body.contains(old), "{old} is not in {}", self.body);
        *self.body = self.body.replace(old, new);
    }

    /// Gives a header this value, or takes it away.
    pub(super) fn set(self, name: &str, value: Option<&str>) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
}
