//! What is nobody's between two uses: taken out by whoever needs it, and nobody else's until it is put back.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    ops::DerefMut,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use foldhash::fast::RandomState;
use tokio::time::Instant;

/// Things of a kind that wait for their next use. It is no table: nothing here is anybody's, and each is handed out once.
#[derive(Debug)]
pub(crate) struct Idle<K, V> {
    /// How many of one key may wait.
    most: usize,
    /// How long.
    longest: Duration,
    waiting: Mutex<Waiting<K, V>>,
}

/// Of each key the longest idle first, and since when they are.
type Waiting<K, V> = HashMap<K, VecDeque<(Instant, V)>, RandomState>;

impl<K: Eq + Hash, V> Idle<K, V> {
    pub(crate) fn new(most: usize, longest: Duration) -> Self {
        Self { most, longest, waiting: Mutex::default() }
    }

    /// The last that was put back and is still good; what is not is thrown away.
    pub(crate) fn take(&self, key: &K, is_good: impl Fn(&mut V) -> bool) -> Option<V> {
        let now = Instant::now();
        loop {
            let (since, mut value) = self.waiting().get_mut(key)?.pop_back()?;
            if now.duration_since(since) < self.longest && is_good(&mut value) {
                return Some(value);
            }
        }
    }

    /// Puts one back, unless enough of them wait.
    pub(crate) fn put(&self, key: K, value: V) {
        let mut waiting = self.waiting();
        let waiting = waiting.entry(key).or_default();
        if waiting.len() < self.most {
            waiting.push_back((Instant::now(), value));
        }
    }

    /// Throws away what has waited for too long, or is not good any more.
    pub(crate) fn sweep(&self, is_good: impl Fn(&mut V) -> bool) {
        let now = Instant::now();
        self.waiting().retain(|_, waiting| {
            waiting.retain_mut(|(since, value)| now.duration_since(*since) < self.longest && is_good(value));
            !waiting.is_empty()
        });
    }

    /// Whether nothing waits.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting().values().all(VecDeque::is_empty)
    }

    fn waiting(&self) -> impl DerefMut<Target = Waiting<K, V>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_is_handed_out_once_the_last_first_and_never_under_another_key() {
        let idle = Idle::new(2, Duration::from_secs(20));
        for value in 1..=3 {
            idle.put("db", value);
        }
        assert_eq!(idle.take(&"other", |_| true), None);
        assert_eq!(idle.take(&"db", |_| true), Some(2), "there was no room for the third");
        assert_eq!(idle.take(&"db", |value| *value != 1), None, "what is not good is not handed out");
        assert!(idle.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_for_ever() {
        let idle = Idle::new(2, Duration::from_secs(20));
        idle.put("db", 1);
        tokio::time::advance(Duration::from_secs(10)).await;
        idle.put("db", 2);
        tokio::time::advance(Duration::from_secs(10)).await;
        idle.sweep(|_| true);
        assert_eq!(idle.take(&"db", |_| true), Some(2));
        assert_eq!(idle.take(&"db", |_| true), None);
    }
}
