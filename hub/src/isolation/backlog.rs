//! An event stream to a client, apart from the connection that carries it: what waits to be read, and what was read
//! and may be asked for again.
//!
//! One reader at a time. A reader that comes with the number of the last event it has seen takes over from the one
//! before, which has lost its connection without anybody having noticed yet.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// Events that wait for a slow reader; then whoever has more to say waits too.
const UNREAD: usize = 64;
/// The same in bytes; one longer event waits alone.
const UNREAD_BYTES: usize = 1 << 20;
/// Events that are kept for a reader who may come back.
const KEPT: usize = 256;
/// The same in bytes. A longer event is given to the reader who is there and not kept.
const KEPT_BYTES: usize = 256 << 10;

/// One stream.
#[derive(Debug)]
pub(crate) struct Backlog {
    number: u64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// Consecutive, oldest first.
    kept: VecDeque<Said>,
    bytes: usize,
    /// The number of the event that comes next, from 1.
    next: u64,
    /// The first event that no reader was given.
    unread: u64,
    unread_bytes: usize,
    reader: Option<u64>,
    readers: u64,
    fed: bool,
    ended: bool,
    /// The reader that is to come back later, and after what pause.
    leaving: Option<(u64, Duration)>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Counted from 1 on its stream.
    pub(crate) number: u64,
    /// One message.
    pub(crate) text: Arc<str>,
}

/// What a reader finds.
enum Look {
    Said(Said),
    /// Nothing yet.
    Nothing,
    /// And nothing more for this reader, but after this pause.
    Later(Duration),
    /// And nothing more.
    Over,
}

/// Somebody reads this stream already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// The reader of a stream, until it is dropped or another takes over.
#[derive(Debug)]
pub(crate) struct Reader {
    backlog: Arc<Backlog>,
    number: u64,
    from: u64,
    sent_away: Option<Duration>,
}

impl Backlog {
    /// A stream that has said nothing yet. `number` names it in its session.
    pub(crate) fn new(number: u64) -> Arc<Self> {
        let state = State {
            kept: VecDeque::new(),
            bytes: 0,
            next: 1,
            unread: 1,
            unread_bytes: 0,
            reader: None,
            readers: 0,
            fed: false,
            ended: false,
            leaving: None,
        };
        Arc::new(Self { number, state: Mutex::new(state), changed: Notify::new() })
    }

    /// Its number in its session.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Adds an event. A reader who leaves too much unread for longer than `patience` loses the stream, and may come
    /// back for what is kept; where nobody reads, the oldest event makes room.
    pub(crate) async fn push(&self, text: String, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.lock().has_room() {
                break;
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                self.lock().reader = None;
                break;
            }
        }
        self.lock().put(text.into());
        self.changed.notify_waiters();
    }

    /// Begins to read: what nobody was given yet, unless somebody reads already.
    pub(crate) fn read(self: &Arc<Self>) -> Result<Reader, Busy> {
        let state = self.lock();
        if state.reader.is_some() {
            return Err(Busy);
        }
        let from = state.unread;
        Ok(self.attach(state, from))
    }

    /// Begins to read what nobody was given yet, and takes over from whoever reads.
    pub(crate) fn take_over(self: &Arc<Self>) -> Reader {
        let state = self.lock();
        let from = state.unread;
        self.attach(state, from)
    }

    /// Reads on after this event, as far as it is kept, and takes over from whoever reads.
    pub(crate) fn read_after(self: &Arc<Self>, seen: u64) -> Reader {
        let state = self.lock();
        let from = seen.saturating_add(1).min(state.next);
        self.attach(state, from)
    }

    fn attach(self: &Arc<Self>, mut state: MutexGuard<'_, State>, from: u64) -> Reader {
        state.readers += 1;
        let number = state.readers;
        state.reader = Some(number);
        drop(state);
        self.changed.notify_waiters();
        Reader { backlog: self.clone(), number, from, sent_away: None }
    }

    /// Sends whoever reads away when they have read everything, to come back after this pause.
    pub(crate) fn send_away(&self, pause: Duration) {
        let mut state = self.lock();
        state.leaving = state.reader.map(|reader| (reader, pause));
        drop(state);
        self.changed.notify_waiters();
    }

    /// True for the first who asks: who is to feed it. Until [`Self::starve`].
    pub(crate) fn begin_to_feed(&self) -> bool {
        let mut state = self.lock();
        !std::mem::replace(&mut state.fed, true)
    }

    /// Nothing more comes for now: whoever reads is at the end, and the next reader has it fed anew.
    pub(crate) fn starve(&self) {
        let mut state = self.lock();
        (state.fed, state.reader) = (false, None);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Nothing more comes: a reader is at the end when it has read everything.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.reader.is_none() || (self.next - self.unread < UNREAD as u64 && self.unread_bytes < UNREAD_BYTES)
    }

    fn put(&mut self, text: Arc<str>) {
        self.bytes += text.len();
        self.unread_bytes += text.len();
        self.kept.push_back(Said { number: self.next, text });
        self.next += 1;
        self.trim();
    }

    /// Forgets the oldest events, but none that the reader who is there has still to get.
    fn trim(&mut self) {
        while self.kept.len() > KEPT || self.bytes > KEPT_BYTES {
            let owed = |said: &Said| self.reader.is_some() && said.number >= self.unread;
            if self.kept.front().is_none_or(owed) {
                return;
            }
            let Some(forgotten) = self.kept.pop_front() else { return };
            self.bytes -= forgotten.text.len();
            self.passed(&forgotten);
        }
    }

    /// What there is for this reader, from this event on.
    fn look(&mut self, reader: u64, from: u64) -> Look {
        if self.reader != Some(reader) {
            return Look::Over;
        }
        match (self.take(from), self.leaving) {
            (Some(said), _) => Look::Said(said),
            (None, _) if self.ended => Look::Over,
            (None, Some((leaving, pause))) if leaving == reader => {
                (self.reader, self.leaving) = (None, None);
                Look::Later(pause)
            }
            (None, _) => Look::Nothing,
        }
    }

    fn take(&mut self, from: u64) -> Option<Said> {
        let first = self.kept.front()?.number;
        let place = usize::try_from(from.saturating_sub(first)).ok()?;
        let said = self.kept.get(place)?.clone();
        self.passed(&said);
        self.trim();
        Some(said)
    }

    /// An event is no longer owed to anybody.
    fn passed(&mut self, said: &Said) {
        if said.number >= self.unread {
            self.unread = said.number + 1;
            self.unread_bytes -= said.text.len();
        }
    }
}

impl Reader {
    /// On which stream it reads.
    pub(crate) fn stream(&self) -> u64 {
        self.backlog.number
    }

    /// After what pause to come back, if it was sent away; and whether it was given an event by which it can.
    pub(crate) fn sent_away(&mut self) -> Option<(Duration, bool)> {
        self.sent_away.take().map(|pause| (pause, self.from > 1))
    }

    /// The next event; `None` at the end, where another has taken over, and where it was sent away.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        loop {
            let mut changed = pin!(self.backlog.changed.notified());
            changed.as_mut().enable();
            match self.backlog.lock().look(self.number, self.from) {
                Look::Said(said) => {
                    self.from = said.number + 1;
                    self.backlog.changed.notify_waiters();
                    return Some(said);
                }
                Look::Later(pause) => {
                    self.sent_away = Some(pause);
                    return None;
                }
                Look::Over => return None,
                Look::Nothing => {}
            }
            changed.await;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.backlog.lock();
        if state.reader == Some(self.number) {
            state.reader = None;
        }
        drop(state);
        self.backlog.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn texts(reader: &mut Reader, count: usize) -> Vec<String> {
        let mut read = Vec::new();
        for _ in 0..count {
            read.extend(reader.next().await.map(|said| said.text.to_string()));
        }
        read
    }

    #[tokio::test]
    async fn who_comes_back_gets_what_came_meanwhile_and_nothing_twice() {
        let stream = Backlog::new(1);
        let mut first = stream.read().unwrap();
        stream.push("a".into(), PATIENCE).await;
        assert_eq!(texts(&mut first, 1).await, ["a"]);
        assert_eq!(stream.read().unwrap_err(), Busy);
        drop(first);
        stream.push("b".into(), PATIENCE).await;
        stream.push("c".into(), PATIENCE).await;
        assert_eq!(texts(&mut stream.read().unwrap(), 2).await, ["b", "c"]);
        assert_eq!(texts(&mut stream.read_after(1), 2).await, ["b", "c"]);
    }

    #[tokio::test]
    async fn a_number_that_was_never_given_out_skips_nothing() {
        let stream = Backlog::new(1);
        let mut reader = stream.read_after(u64::MAX);
        stream.push("a".into(), PATIENCE).await;
        stream.end();
        assert_eq!(texts(&mut reader, 2).await, ["a"]);
    }

    #[tokio::test]
    async fn who_takes_over_ends_the_one_before() {
        let stream = Backlog::new(1);
        let mut first = stream.read().unwrap();
        let mut second = stream.take_over();
        stream.push("a".into(), PATIENCE).await;
        assert_eq!(first.next().await, None);
        drop(first);
        assert_eq!(texts(&mut second, 1).await, ["a"]);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let stream = Backlog::new(1);
        for number in 0..2 * KEPT {
            stream.push(number.to_string(), PATIENCE).await;
        }
        assert_eq!(stream.read_after(0).next().await.unwrap().number, (KEPT + 1) as u64);
        stream.push("x".repeat(2 * KEPT_BYTES), PATIENCE).await;
        assert!(stream.lock().kept.is_empty(), "too long to keep, and nobody was there to read it");
    }

    #[tokio::test]
    async fn who_is_sent_away_has_read_everything_and_comes_back_for_the_rest() {
        let (stream, pause) = (Backlog::new(1), Duration::from_secs(3));
        let mut first = stream.take_over();
        stream.send_away(pause);
        assert_eq!((first.next().await, first.sent_away()), (None, Some((pause, false))));
        assert_eq!((first.next().await, first.sent_away()), (None, None));
        let mut second = stream.read_after(0);
        stream.push("a".into(), PATIENCE).await;
        stream.send_away(pause);
        assert_eq!(texts(&mut second, 1).await, ["a"]);
        assert_eq!((second.next().await, second.sent_away()), (None, Some((pause, true))));
        stream.send_away(pause); // Nobody is there.
        let mut third = stream.read_after(1);
        stream.push("b".into(), PATIENCE).await;
        stream.end();
        assert_eq!(texts(&mut third, 2).await, ["b"]);
        assert_eq!(third.sent_away(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_loses_the_stream_and_holds_nobody_up_for_ever() {
        let stream = Backlog::new(1);
        let mut reader = stream.read().unwrap();
        for number in 0..=UNREAD {
            stream.push(number.to_string(), PATIENCE).await;
        }
        assert_eq!(reader.next().await, None, "it was given up");
        assert_eq!(stream.read().unwrap().next().await.unwrap().number, 1, "and nothing is lost");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_a_slow_reader_is_bounded_in_bytes_too() {
        let stream = Backlog::new(1);
        let mut reader = stream.read().unwrap();
        let begun = Instant::now();
        for _ in 0..2 {
            stream.push("x".repeat(UNREAD_BYTES), PATIENCE).await;
        }
        assert_eq!((begun.elapsed(), reader.next().await), (PATIENCE, None));
    }
}
