//! What a child says, sorted by what it is about: an answer by its id, progress by its token, what a listen is told by
//! the id of the listen.
//!
//! All else names nothing. Where one call is in flight and no other, it belongs to that call, as far as anybody can tell;
//! otherwise it is for whoever listens, or where all calls are one client's, for the oldest of them. A question that can be
//! put to nobody is refused. A child is its owner's alone, so whatever is decided here, nobody else is told.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{
    envelope::{self, Id, Kind, Message, Object},
    era::meta::SUBSCRIPTION,
};

/// What the reader of a child is told by those who speak to it.
#[derive(Debug)]
pub(super) enum Notice {
    /// A request is about to be written.
    Asked { wire: u64, about: About, tell: mpsc::Sender<String> },
    /// Nobody waits for its answer any more.
    Forgotten(u64),
    /// Somebody listens.
    Listening(mpsc::Sender<String>),
}

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// It is answered, perhaps with something on the way.
    Call,
    /// It is told what changes, until somebody ends it.
    Listen,
}

/// Who speaks to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// One client: whatever it is told, on whichever stream, is told to the right one.
    OneClient,
    /// Conversations of one key, which nothing tells apart but their requests.
    Conversations,
}

/// Who waits for what a child says.
#[derive(Debug)]
pub(super) struct Sorter {
    audience: Audience,
    waiting: BTreeMap<u64, (About, mpsc::Sender<String>)>,
    ear: Option<mpsc::Sender<String>>,
    /// The way to the child, for what is refused here.
    answer: mpsc::WeakSender<Bytes>,
}

impl Sorter {
    /// Nobody waits yet.
    pub(super) fn new(audience: Audience, answer: mpsc::WeakSender<Bytes>) -> Self {
        Self { audience, waiting: BTreeMap::new(), ear: None, answer }
    }

    /// Takes a notice.
    pub(super) fn notice(&mut self, notice: Notice) {
        self.waiting.retain(|_, (_, tell)| !tell.is_closed());
        match notice {
            Notice::Asked { wire, about, tell } => drop(self.waiting.insert(wire, (about, tell))),
            Notice::Forgotten(wire) => drop(self.waiting.remove(&wire)),
            Notice::Listening(tell) => self.ear = Some(tell),
        }
    }

    /// Hands on what one line says; the number of messages in it that nobody could make out.
    pub(super) fn hand_on(&mut self, line: String) -> usize {
        envelope::messages(line).into_iter().map(|text| usize::from(!self.hand_on_one(text))).sum()
    }

    fn hand_on_one(&mut self, text: String) -> bool {
        let Ok(message) = Message::read(&text) else { return false };
        match &message.kind {
            Kind::Response { id } => {
                let answered = id.as_ref().and_then(Id::wire).and_then(|wire| self.waiting.remove(&wire));
                if let Some((_, tell)) = answered {
                    let _ = tell.try_send(text); // There is always room for the answer, unless nobody waits any more.
                }
            }
            Kind::Notification { method } => {
                let named = match method.as_str() {
                    "notifications/progress" => message.wire_param("progressToken").map(|(_, wire)| wire),
                    _ => listen_of(&message),
                };
                match named.filter(|wire| self.waiting.contains_key(wire)) {
                    Some(wire) => self.tell(wire, text),
                    None => drop(self.tell_somebody(text)),
                }
            }
            Kind::Request { method, .. } => {
                let (method, raw_id) = (method.clone(), message.raw_id().unwrap_or("null").to_owned());
                if !self.tell_somebody(text) {
                    self.settle(&method, &raw_id);
                }
            }
        }
        true
    }

    /// Tells whoever waits for the answer to this request. One who reads too slowly loses it, and holds up nobody.
    fn tell(&mut self, wire: u64, text: String) {
        let Some((_, tell)) = self.waiting.get(&wire) else { return };
        let room = tell.capacity() > 1; // The last place is for the answer.
        if !room || tell.try_send(text).is_err() {
            self.waiting.remove(&wire);
        }
    }

    /// What names nothing: whether there is somebody to be told.
    fn tell_somebody(&mut self, text: String) -> bool {
        let mut calls = self.waiting.iter().filter(|(_, (about, tell))| *about == About::Call && !tell.is_closed());
        let (oldest, another) = (calls.next().map(|(wire, _)| *wire), calls.next().is_some());
        self.ear.take_if(|ear| ear.is_closed());
        match (oldest, &self.ear) {
            (Some(only), _) if !another => self.tell(only, text),
            (_, Some(ear)) => {
                if ear.try_send(text).is_err() {
                    self.ear = None; // It reads too slowly, and may listen again.
                }
            }
            (Some(oldest), None) if self.audience == Audience::OneClient => self.tell(oldest, text),
            _ => return false,
        }
        true
    }

    /// Answers what nobody can be asked. The hub itself is there.
    fn settle(&self, method: &str, raw_id: &str) {
        let answer = match method {
            "ping" => r#""result":{}"#,
            _ => r#""error":{"code":-32000,"message":"nobody can be asked now"}"#,
        };
        if let Some(write) = self.answer.upgrade() {
            // A child that asks faster than it reads is not answered.
            let _ = write.try_send(Bytes::from(format!("{{\"jsonrpc\":\"2.0\",\"id\":{raw_id},{answer}}}\n")));
        }
    }
}

/// The listen that a notification belongs to.
fn listen_of(message: &Message<'_>) -> Option<u64> {
    let named = Id::read(Object::read(message.param("_meta")?).ok()?.get(SUBSCRIPTION)?)?;
    match named {
        Id::Text(text) => text.parse().ok(),
        Id::Number(_) => named.wire(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorter() -> (Sorter, mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
        let (write, written) = mpsc::channel(4);
        (Sorter::new(Audience::Conversations, write.downgrade()), write, written)
    }

    fn asked(sorter: &mut Sorter, wire: u64, about: About) -> mpsc::Receiver<String> {
        let (tell, said) = mpsc::channel(4);
        sorter.notice(Notice::Asked { wire, about, tell });
        said
    }

    fn answer(id: u64) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
    }

    fn note(method: &str, params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
    }

    #[test]
    fn each_is_told_what_names_its_own_request() {
        let (mut sorter, _write, _) = sorter();
        let mut said: Vec<_> = [1, 2].into_iter().map(|wire| asked(&mut sorter, wire, About::Call)).collect();
        let mut told = asked(&mut sorter, 3, About::Listen);
        let progress = note("notifications/progress", r#"{"progressToken":2,"progress":1}"#);
        let changed = note("notifications/tools/list_changed", &format!(r#"{{"_meta":{{"{SUBSCRIPTION}":"3"}}}}"#));
        for line in [&progress, &changed, &format!("[{},{}]", answer(2), answer(1)), &answer(9)] {
            assert_eq!(sorter.hand_on(line.clone()), 0);
        }
        assert_eq!((said[1].try_recv().unwrap(), said[1].try_recv().unwrap()), (progress, answer(2)));
        assert_eq!(said[0].try_recv().unwrap(), answer(1));
        assert_eq!(told.try_recv().unwrap(), changed);
        assert!(said.iter_mut().all(|said| said.try_recv().is_err()) && told.try_recv().is_err());
    }

    #[test]
    fn what_names_nothing_is_the_only_calls_or_for_who_listens() {
        let (mut sorter, _write, _) = sorter();
        let line = note("notifications/message", r#"{"level":"info","data":"x"}"#);
        let mut only = asked(&mut sorter, 1, About::Call);
        sorter.hand_on(line.clone());
        assert_eq!(only.try_recv().unwrap(), line);
        let mut other = asked(&mut sorter, 2, About::Call);
        sorter.hand_on(line.clone());
        assert!(only.try_recv().is_err() && other.try_recv().is_err(), "nothing tells whose it is");
        let (tell, mut heard) = mpsc::channel(4);
        sorter.notice(Notice::Listening(tell));
        sorter.hand_on(line.clone());
        assert_eq!(heard.try_recv().unwrap(), line);
        drop(heard);
        let more = asked(&mut sorter, 3, About::Call);
        sorter.audience = Audience::OneClient;
        sorter.hand_on(line.clone());
        assert_eq!(only.try_recv().unwrap(), line, "they are all of one client");
        drop((only, more));
        sorter.audience = Audience::Conversations;
        sorter.hand_on(line.clone());
        assert_eq!(other.try_recv().unwrap(), line, "who has gone is not in flight");
    }

    #[test]
    fn a_question_that_nobody_can_be_asked_is_settled_here() {
        let (mut sorter, _write, mut written) = sorter();
        let question = |method: &str| format!(r#"{{"jsonrpc":"2.0","id":"q","method":"{method}"}}"#);
        sorter.hand_on(question("ping"));
        sorter.hand_on(question("roots/list"));
        assert_eq!(written.try_recv().unwrap(), "{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"result\":{}}\n");
        assert!(String::from_utf8_lossy(&written.try_recv().unwrap()).contains("-32000"));
    }

    #[test]
    fn who_does_not_read_loses_its_own_and_still_has_room_for_an_answer() {
        let (mut sorter, _write, _) = sorter();
        let progress = note("notifications/progress", r#"{"progressToken":1,"progress":1}"#);
        let mut slow = asked(&mut sorter, 1, About::Call);
        for _ in 0..3 {
            sorter.hand_on(progress.clone());
        }
        sorter.hand_on(answer(1));
        assert_eq!((0..4).map(|_| slow.try_recv().unwrap()).last(), Some(answer(1)));
        let mut slower = asked(&mut sorter, 1, About::Call);
        for _ in 0..4 {
            sorter.hand_on(progress.clone());
        }
        sorter.hand_on(answer(1));
        assert!((0..3).all(|_| slower.try_recv().is_ok()));
        assert_eq!(slower.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    }

    #[test]
    fn what_is_no_message_is_counted_and_dropped() {
        let (mut sorter, _write, _) = sorter();
        let mut only = asked(&mut sorter, 1, About::Call);
        assert_eq!(sorter.hand_on("Server started.".into()), 1);
        assert_eq!(sorter.hand_on(r#"{"jsonrpc":"2.0","id":1,"res"#.into()), 1);
        assert!(only.try_recv().is_err());
    }
}
