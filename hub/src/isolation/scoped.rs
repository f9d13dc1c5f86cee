//! The only shared container of the hub: a table in which every entry lies in the scope of a place.
//!
//! It takes its lock and its tasks from [`super::sync`], so that its promises can be shown in any order: `orders.rs`.

use std::{
    fmt,
    future::Future,
    sync::{Arc, PoisonError},
};

use foldhash::{HashMap, HashMapExt};

use super::{
    Isolation, Level, Place,
    life::Ended,
    opening::{self, Opening},
    place::{Barred, Scope},
    sync::{Mutex, MutexGuard, spawn},
    table::Table,
    yields::Yields,
};

/// A shared table of `V`. `E` is why an entry could not be opened.
pub(crate) struct Scoped<T: Table, V, E = Barred> {
    inner: Arc<Inner<T, V, E>>,
}

struct Inner<T: Table, V, E> {
    level: Level,
    yields: Yields,
    state: Mutex<State<T, V, E>>,
}

/// Hashed, with a seed that is chance, so that finding an entry takes as long among many as among few; nobody is shown
/// the order.
struct State<T: Table, V, E> {
    entries: HashMap<(Scope, T::Id), Entry<V>>,
    openings: HashMap<(Scope, T::Id), Begun<V, E>>,
    generation: u64,
}

struct Entry<V> {
    value: V,
    /// The session that put it there, whatever scope it lies in.
    owner: Option<Arc<str>>,
    generation: u64,
}

/// An opening that has not come to its end.
struct Begun<V, E> {
    opening: Opening<V, E>,
    owner: Option<Arc<str>>,
    generation: u64,
}

/// The entry exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken;

impl<T: Table, V: Clone, E> Scoped<T, V, E> {
    /// An empty table, as wide as `isolation` says.
    pub(crate) fn new(isolation: &Isolation) -> Self {
        let state = State { entries: HashMap::new(), openings: HashMap::new(), generation: 0 };
        let inner = Inner {
            level: isolation.level(&T::SHEET),
            yields: Yields::new(isolation, T::SHEET.name),
            state: Mutex::new(state),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The entry of this name in the scope of `place`.
    pub(crate) async fn get(&self, place: &Place, id: &T::Id) -> Result<Option<V>, Barred> {
        let key = self.key(place, id)?;
        self.inner.yields.point().await;
        Ok(self.inner.lock().entries.get(&key).map(|entry| entry.value.clone()))
    }

    /// Puts an entry there, over one that may be there already.
    pub(crate) async fn insert(&self, place: &Place, id: T::Id, value: V) -> Result<(), Barred> {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        self.inner.lock().put(&key, place, value)?;
        Ok(())
    }

    /// Puts an entry there, over one that may be there already, for as long as it is held.
    pub(crate) async fn hold(&self, place: &Place, id: T::Id, value: V) -> Result<Held<T, V, E>, Barred> {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        let generation = self.inner.lock().put(&key, place, value)?;
        Ok(Held { inner: self.inner.clone(), key, generation })
    }

    /// Puts an entry there unless there is one, for as long as it is held.
    pub(crate) async fn try_hold(
        &self,
        place: &Place,
        id: T::Id,
        value: V,
    ) -> Result<Result<Held<T, V, E>, Taken>, Barred> {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        let mut state = self.inner.lock();
        if state.entries.contains_key(&key) {
            return Ok(Err(Taken));
        }
        let generation = state.put(&key, place, value)?;
        Ok(Ok(Held { inner: self.inner.clone(), key, generation }))
    }

    /// The entry, put there by `make` where there was none.
    pub(crate) async fn get_or_insert_with(
        &self,
        place: &Place,
        id: T::Id,
        make: impl FnOnce() -> V,
    ) -> Result<V, Barred> {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        let mut state = self.inner.lock();
        if let Some(entry) = state.entries.get(&key) {
            return Ok(entry.value.clone());
        }
        let value = make();
        state.put(&key, place, value.clone())?;
        Ok(value)
    }

    /// Takes an entry out.
    pub(crate) async fn remove(&self, place: &Place, id: &T::Id) -> Result<Option<V>, Barred> {
        let key = self.key(place, id)?;
        self.inner.yields.point().await;
        Ok(self.inner.lock().entries.remove(&key).map(|entry| entry.value))
    }

    /// Takes an entry out if it is still the one that is meant, and not one that has taken its place.
    pub(crate) async fn remove_if(
        &self,
        place: &Place,
        id: &T::Id,
        meant: impl Fn(&V) -> bool,
    ) -> Result<Option<V>, Barred> {
        let key = self.key(place, id)?;
        self.inner.yields.point().await;
        Ok(self.inner.lock().take_if(&key, |entry| meant(&entry.value)))
    }

    /// Takes out everything that this session put here, whatever scope it lies in, and nothing comes after: its life
    /// has ended. What it is opening is disowned: it goes to the `abandon` of its opener.
    pub(crate) async fn evict(&self, ended: &Ended) -> Vec<V> {
        self.inner.yields.point().await;
        let owner = Some(ended.key());
        let mut state = self.inner.lock();
        state.openings.retain(|_, begun| begun.owner.as_ref() != owner);
        state.take_where(|_, entry_owner| entry_owner == owner)
    }

    /// Takes out every entry of this name, whoever's it is.
    pub(crate) async fn evict_named(&self, id: &T::Id) -> Vec<V> {
        self.inner.yields.point().await;
        self.inner.lock().take_where(|name, _| name == id)
    }

    /// What this session put here, oldest first.
    pub(crate) fn owned_by(&self, owner: &Arc<str>) -> Vec<V> {
        let state = self.inner.lock();
        let mut owned: Vec<_> = state.entries.values().filter(|entry| entry.owner.as_ref() == Some(owner)).collect();
        owned.sort_by_key(|entry| entry.generation);
        owned.into_iter().map(|entry| entry.value.clone()).collect()
    }

    /// Everything in the scope of `place`, oldest first.
    pub(crate) async fn in_scope(&self, place: &Place) -> Result<Vec<V>, Barred> {
        let scope = place.at(self.inner.level)?;
        self.inner.yields.point().await;
        let state = self.inner.lock();
        let mut all: Vec<_> =
            state.entries.iter().filter(|((of, _), _)| *of == scope).map(|(_, entry)| entry).collect();
        all.sort_by_key(|entry| entry.generation);
        Ok(all.into_iter().map(|entry| entry.value.clone()).collect())
    }

    /// Everything, oldest first: for a sweeper, which acts for nobody and hands nothing to anybody.
    pub(crate) fn everything(&self) -> Vec<V> {
        let state = self.inner.lock();
        let mut all: Vec<_> = state.entries.values().collect();
        all.sort_by_key(|entry| entry.generation);
        all.into_iter().map(|entry| entry.value.clone()).collect()
    }

    /// Throws away every entry of which this holds, whoever it belongs to: for what has grown old.
    pub(crate) fn discard(&self, old: impl Fn(&T::Id, &V) -> bool) {
        self.inner.lock().entries.retain(|(_, id), entry| !old(id, &entry.value));
    }

    /// Throws away the oldest of those entries that weigh something until there are no more of them than `most`, and they
    /// weigh no more than `heaviest` together.
    pub(crate) fn shed(&self, weigh: impl Fn(&V) -> Option<usize>, most: usize, heaviest: usize) {
        let mut state = self.inner.lock();
        let weighed = state.entries.iter();
        let mut weighed: Vec<_> =
            weighed.filter_map(|(key, entry)| Some((entry.generation, weigh(&entry.value)?, key.clone()))).collect();
        weighed.sort_unstable_by_key(|(generation, ..)| std::cmp::Reverse(*generation));
        let mut together = 0;
        for (number, (_, weight, key)) in weighed.into_iter().enumerate() {
            together += weight;
            if number >= most || together > heaviest {
                state.entries.remove(&key);
            }
        }
    }

    fn key(&self, place: &Place, id: &T::Id) -> Result<(Scope, T::Id), Barred> {
        Ok((place.at(self.inner.level)?, id.clone()))
    }
}

impl<T, V, E> Scoped<T, V, E>
where
    T: Table,
    V: Clone + Send + Sync + 'static,
    E: Clone + From<Barred> + From<Abandoned> + Send + Sync + 'static,
{
    /// The entry, opened where there is none: once for all who ask at the same time, by a task of its
    /// own, so that whoever leaves takes nobody's opening with them. A failure is not kept. What was opened for a
    /// session that was evicted meanwhile is nobody's: `abandon` ends it, and whoever waited is told so.
    pub(crate) async fn get_or_open<F>(
        &self,
        place: &Place,
        id: T::Id,
        open: F,
        abandon: impl FnOnce(V) + Send + 'static,
    ) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        // The lock is given back here, not at the end of the `match`, in which a task is spawned.
        let found = self.inner.lock().find_or_begin(&key, place)?;
        let opening = match found {
            Found::Ready(value) => return Ok(value),
            Found::Opening(opening) => opening,
            Found::Nothing(opened, opening, generation) => {
                let (inner, place) = (self.inner.clone(), place.clone());
                spawn(async move {
                    let task = OpeningTask { inner, key, generation };
                    let result = match open.await {
                        Ok(value) => task.keep(&place, value).map_err(|value| {
                            abandon(value);
                            Abandoned.into()
                        }),
                        Err(error) => Err(error),
                    };
                    drop(task);
                    opened.send_replace(Some(result));
                });
                opening
            }
        };
        opening.wait().await.unwrap_or_else(|| Err(Abandoned.into()))
    }
}

/// An entry that is there while it is held. Dropped, exactly this entry goes, and none that has taken its place.
pub(crate) struct Held<T: Table, V, E = Barred> {
    inner: Arc<Inner<T, V, E>>,
    key: (Scope, T::Id),
    generation: u64,
}

impl<T: Table, V, E> Held<T, V, E> {
    /// Leaves the entry to its session: it stays until it is taken, or the session ends.
    pub(crate) fn leave(mut self) {
        self.generation = 0; // Generations are counted from 1.
    }

    /// Leaves the entry with this in it, if it is still there: what took its place, or took it away, is not overruled.
    pub(crate) fn fill(mut self, value: V) {
        let mut state = self.inner.lock();
        if let Some(entry) = state.entries.get_mut(&self.key).filter(|entry| entry.generation == self.generation) {
            entry.value = value;
        }
        drop(state);
        self.generation = 0;
    }
}

impl<T: Table, V, E> Drop for Held<T, V, E> {
    fn drop(&mut self) {
        // The lock is given back before what was held is dropped.
        let held = self.inner.lock().take_if(&self.key, |entry| entry.generation == self.generation);
        drop(held);
    }
}

impl<T: Table, V, E> fmt::Debug for Held<T, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("table", &T::SHEET.name).finish_non_exhaustive()
    }
}

/// The task that carries an opening. However it ends, a panic included, the opening is over with it.
struct OpeningTask<T: Table, V, E> {
    inner: Arc<Inner<T, V, E>>,
    key: (Scope, T::Id),
    generation: u64,
}

impl<T: Table, V: Clone, E> OpeningTask<T, V, E> {
    /// Puts the entry there, or gives it back where its owner has ended meanwhile.
    fn keep(&self, place: &Place, value: V) -> Result<V, V> {
        let mut state = self.inner.lock();
        if !state.is_opening(&self.key, self.generation) || state.put(&self.key, place, value.clone()).is_err() {
            return Err(value);
        }
        Ok(value)
    }
}

impl<T: Table, V, E> Drop for OpeningTask<T, V, E> {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        if state.is_opening(&self.key, self.generation) {
            state.openings.remove(&self.key);
        }
    }
}

/// The task that was opening an entry died, or the session that it was opened for has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned;

enum Found<V, E> {
    Ready(V),
    Opening(Opening<V, E>),
    Nothing(opening::Opened<V, E>, Opening<V, E>, u64),
}

impl<T: Table, V: Clone, E> State<T, V, E> {
    /// Every entry comes in here, under the lock. Its generation tells it from any other that has its name.
    fn put(&mut self, key: &(Scope, T::Id), place: &Place, value: V) -> Result<u64, Barred> {
        let owner = place.owner()?;
        self.generation += 1;
        self.entries.insert(key.clone(), Entry { value, owner, generation: self.generation });
        Ok(self.generation)
    }

    fn take_where(&mut self, taken: impl Fn(&T::Id, Option<&Arc<str>>) -> bool) -> Vec<V> {
        let all = self.entries.extract_if(|(_, id), entry| taken(id, entry.owner.as_ref()));
        let mut all: Vec<_> = all.map(|(_, entry)| entry).collect();
        all.sort_by_key(|entry| entry.generation);
        all.into_iter().map(|entry| entry.value).collect()
    }

    fn find_or_begin(&mut self, key: &(Scope, T::Id), place: &Place) -> Result<Found<V, E>, Barred> {
        if let Some(entry) = self.entries.get(key) {
            return Ok(Found::Ready(entry.value.clone()));
        }
        if let Some(begun) = self.openings.get(key) {
            return Ok(Found::Opening(begun.opening.clone()));
        }
        let owner = place.owner()?;
        self.generation += 1;
        let (opened, opening) = opening::begin();
        let begun = Begun { opening: opening.clone(), owner, generation: self.generation };
        self.openings.insert(key.clone(), begun);
        Ok(Found::Nothing(opened, opening, self.generation))
    }
}

impl<T: Table, V, E> State<T, V, E> {
    fn take_if(&mut self, key: &(Scope, T::Id), meant: impl Fn(&Entry<V>) -> bool) -> Option<V> {
        self.entries.get(key).filter(|entry| meant(entry))?;
        self.entries.remove(key).map(|entry| entry.value)
    }

    fn is_opening(&self, key: &(Scope, T::Id), generation: u64) -> bool {
        self.openings.get(key).is_some_and(|begun| begun.generation == generation)
    }
}

impl<T: Table, V, E> Inner<T, V, E> {
    fn lock(&self) -> MutexGuard<'_, State<T, V, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Table, V, E> Clone for Scoped<T, V, E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}
