//! Nobody is told a secret: no credential, hub key or session id in anything delivered, and none, nor any user's data,
//! in what the target writes into its log, where it can be read.

use std::collections::BTreeMap;

use super::{
    Finding, Kind, Oracle,
    finding::{Crossing, Severity},
    leak::delivered_text,
};
use crate::trace::{
    Event, Index,
    facts::Logs,
    index::{Answer, MarkKind, Message, header},
    sight::Sight,
};

/// Judges everything that was delivered or logged.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let secrets = Secrets::of(index);
    let answered = index.messages.values().filter_map(|message| Some((message, message.answer.as_ref()?)));
    let mut findings: Vec<Finding> =
        answered.filter_map(|(message, answer)| secrets.delivered(index, message, answer)).collect();
    let logged = index.events.iter().enumerate().filter_map(|(at, event)| match event {
        Event::Log { line } => secrets.logged(index, at, line),
        _ => None,
    });
    findings.extend(logged);
    findings
}

/// Words that may be delivered to nobody, or to one actor only, or may stand in no log.
struct Secrets {
    words: Vec<Secret>,
    sight: Sight,
}

struct Secret {
    word: String,
    /// What it is, wherever it is delivered; nothing for what its owner is told.
    delivered: Option<Known>,
    /// What it is in a log.
    logged: Known,
}

#[derive(Clone)]
struct Known {
    what: String,
    owner: String,
}

impl Secrets {
    fn of(index: &Index<'_>) -> Self {
        let never_told = Self::never_told(index).into_iter();
        let mut by_word: BTreeMap<String, (Option<Known>, Known)> =
            never_told.map(|(word, known)| (word, (Some(known.clone()), known))).collect();
        // The ids of client sessions, which their owners are told and nobody else.
        for message in index.messages.values() {
            let given = message.answer.and_then(|answer| header(answer.headers, "mcp-session-id"));
            if let Some(session) = given {
                let what = format!("the session id of {}", message.actor);
                let known = Known { what, owner: message.actor.user.clone() };
                let entry = by_word.entry(session.to_owned()).and_modify(|(_, logged)| *logged = known.clone());
                entry.or_insert((None, known));
            }
        }
        let words: Vec<Secret> =
            by_word.into_iter().map(|(word, (delivered, logged))| Secret { word, delivered, logged }).collect();
        let sight = Sight::new(words.iter().map(|secret| secret.word.as_str()));
        Self { words, sight }
    }

    fn never_told(index: &Index<'_>) -> BTreeMap<String, Known> {
        let mut by_word = BTreeMap::new();
        for (user, tokens) in &index.facts.tokens {
            for (upstream, token) in tokens {
                let what = format!("{user}'s credential for `{upstream}`");
                by_word.insert(token.clone(), Known { what, owner: user.clone() });
            }
        }
        for (upstream, token) in &index.facts.service_tokens {
            let what = format!("the hub's own credential for `{upstream}`");
            by_word.insert(token.clone(), Known { what, owner: "hub".into() });
        }
        for (actor, key) in &index.facts.keys {
            let what = if index.facts.server.is_some() { "token" } else { "hub key" };
            by_word.insert(key.clone(), Known { what: format!("the {what} of {actor}"), owner: actor.clone() });
        }
        for arrival in index.arrivals.values() {
            if let Some(session) = arrival.session {
                let what = format!("an upstream session id of `{}`", arrival.upstream);
                by_word.insert(session.to_owned(), Known { what, owner: "hub".into() });
            }
        }
        by_word
    }

    fn delivered(&self, index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
        let found = self.sight.find(&delivered_text(answer)).into_iter().map(|number| &self.words[number]);
        // Straight at an upstream, the upstream's session id is the actor's own.
        let mut others = found.filter(|secret| message.session != Some(secret.word.as_str()));
        let (word, secret) = others.find_map(|secret| Some((&secret.word, secret.delivered.as_ref()?)))?;
        // In real traffic a server may tell somebody their own token, which is unwise and crosses nothing.
        let own = secret.owner.split(" (").next() == Some(&*message.actor.user) && index.facts.attached.is_some();
        Some(Finding {
            oracle: Oracle::Secrets,
            kind: Kind::Leak,
            severity: if own { Severity::Warning } else { Severity::Failure },
            headline: format!("{} received a secret: {}", message.actor, secret.what),
            step: message.step,
            span: None,
            expected: "no credential, hub key or upstream session id in anything delivered".into(),
            received: format!("{} {}", answer.status, answer.body.replace(word, "<secret>")),
            crossing: Some(Crossing {
                what: secret.what.clone(),
                owner: secret.owner.clone(),
                reached: message.actor.to_string(),
            }),
            at: answer.at,
        })
    }

    /// A line of the target's own log.
    fn logged(&self, index: &Index<'_>, at: usize, line: &str) -> Option<Finding> {
        let step = index.step_at(at);
        let (shows, what, owner, shown) = match self.sight.find(line).into_iter().next() {
            Some(number) => {
                let Secret { word, logged, .. } = &self.words[number];
                let shown = line.replace(word, "<secret>");
                (logged.what.clone(), logged.what.clone(), logged.owner.clone(), shown)
            }
            None => {
                let mark = index.marks_in(line).find(|mark| mark.kind == MarkKind::Canary)?;
                let owner = mark.owner.user().unwrap_or("hub").to_owned();
                (format!("data of {owner}"), format!("mark {}", mark.text), owner, line.to_owned())
            }
        };
        let headline = format!("the log shows {shows}");
        let mut finding = Finding::new(Oracle::Secrets, Kind::Leak, step, at, headline);
        finding.crossing = Some(Crossing { what, owner, reached: "whoever reads the log".to_owned() });
        if index.facts.logs == Logs::NotPromised {
            finding.severity = Severity::Warning;
        }
        Some(finding.because("no credential, key, session id or user's data in a log", shown.trim_end()))
    }
}
