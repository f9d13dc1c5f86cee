//! A notification reaches exactly the client whose request caused it: nobody else, once, and none is lost.
//!
//! Upstreams put a mark into each notification that they send on the way to an answer, so each can be followed from the
//! upstream's bytes to whoever received it.

use super::{Finding, Kind, Oracle, finding::Crossing, rounds::Rounds, rpc};
use crate::{
    scenario::model::Actor,
    trace::{
        Index,
        index::{Answer, Message},
    },
};

/// Judges every exchange that was answered.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let rounds = Rounds::of(index);
    let answered = index.messages.values().filter_map(|message| Some((message, message.answer?)));
    answered
        .flat_map(|(message, answer)| {
            [token(message, &answer), strayed(index, &rounds, message, &answer), lost(index, message, &answer)]
        })
        .flatten()
        .collect()
}

pub(super) fn finding(kind: Kind, message: &Message<'_>, at: usize, headline: String) -> Finding {
    Finding::new(Oracle::Audience, kind, message.step, at, headline)
}

/// A notification that is `owner`'s, told to whoever sent this message. `of` is what it concerns: a request, a session.
pub(super) fn astray(message: &Message<'_>, answer: &Answer<'_>, owner: &Actor, of: &str, expected: &str) -> Finding {
    let headline = format!("{} was told what concerns a {of} of {owner}", message.actor);
    let kind = if owner.user == message.actor.user { Kind::Correlation } else { Kind::Leak };
    let mut finding = finding(kind, message, answer.at, headline);
    finding.crossing = Some(Crossing {
        what: "a notification".to_owned(),
        owner: owner.to_string(),
        reached: message.actor.to_string(),
    });
    finding.because(expected, rpc::brief(answer))
}

/// Progress comes under the token that this very request gave, and under none where it gave none.
fn token(message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
    let own = rpc::progress_token(message.body);
    let foreign = rpc::progress(answer).into_iter().find(|token| Some(token) != own.as_ref())?;
    let headline = format!("{} was told of progress that is not its request's", message.actor);
    let expected = own.map_or_else(|| "no progress".to_owned(), |token| format!("progressToken {token}"));
    Some(finding(Kind::Correlation, message, answer.at, headline).because(expected, format!("progressToken {foreign}")))
}

/// A notification of another request.
fn strayed(index: &Index<'_>, rounds: &Rounds<'_, '_>, message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
    let told = rpc::told(answer);
    let foreign = told.iter().find_map(|notification| {
        index.marks_in(notification).find_map(|mark| {
            let cause = index.arrivals.get(&mark.minted?)?.cause?;
            let foreign = (cause != message.exchange).then(|| index.message_of(cause)).flatten()?;
            (!goes_on(message, foreign) && !rounds.goes_on(message, cause)).then_some(foreign)
        })
    })?;
    Some(astray(message, answer, foreign.actor, "request", "notifications of its own request only"))
}

/// Whether a GET may go on with what a broken connection cut short: the same client, in the same session.
fn goes_on(message: &Message<'_>, cut_short: &Message<'_>) -> bool {
    message.method == "GET" && message.actor == cut_short.actor && message.session == cut_short.session
}

/// What the upstream told on the way to the answer that this client got, and that never arrived or came twice.
fn lost(index: &Index<'_>, message: &Message<'_>, answer: &Answer<'_>) -> Option<Finding> {
    rpc::progress_token(message.body)?;
    let arrival = index.arrivals_of(message.exchange).last()?;
    let sent = rpc::notifications(arrival.answer.as_ref()?);
    let came = rpc::notifications(answer);
    let times = |wanted: &str| came.iter().filter(|text| text.contains(wanted)).count();
    // Only where the answer itself came through: a call that failed is told nothing more.
    let response = rpc::response(answer)?;
    response.get("result")?;
    let marks = sent.iter().filter_map(|text| index.marks_in(text).find(|mark| mark.minted.is_some()));
    let (mark, count) = marks.map(|mark| (mark.text, times(mark.text))).find(|(_, count)| *count != 1)?;
    let headline = format!("{} was told of progress {count} times instead of once", message.actor);
    let kind = if count == 0 { Kind::Loss } else { Kind::Correlation };
    Some(finding(kind, message, answer.at, headline).because(format!("notification {mark} once"), rpc::brief(answer)))
}
