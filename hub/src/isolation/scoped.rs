//! The only shared container of the hub: a table in which every entry lies in the scope of a place.
//!
//! It takes its lock and its tasks from [`super::sync`], so that its promises can be shown in any order: `orders.rs`.

use std::{
    fmt,
    future::Future,
    sync::{Arc, PoisonError},
};

use super::{
    Isolation, Level, Place,
    entries::{Entries, Found},
    life::Ended,
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
    entries: Mutex<Entries<T, V, E>>,
}

/// The entry exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken;

impl<T: Table, V: Clone, E> Scoped<T, V, E> {
    /// An empty table, as wide as `isolation` says.
    pub(crate) fn new(isolation: &Isolation) -> Self {
        let inner = Inner {
            level: isolation.level(&T::SHEET),
            yields: Yields::new(isolation, T::SHEET.name),
            entries: Mutex::new(Entries::new()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The entry of this name in the scope of `place`.
    pub(crate) async fn get(&self, place: &Place, id: &T::Id) -> Result<Option<V>, Barred> {
        let key = self.key(place, id)?;
        self.inner.yields.point().await;
        Ok(self.inner.lock().get(&key).map(|entry| entry.value.clone()))
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
        let mut entries = self.inner.lock();
        if entries.get(&key).is_some() {
            return Ok(Err(Taken));
        }
        let generation = entries.put(&key, place, value)?;
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
        let mut entries = self.inner.lock();
        if let Some(entry) = entries.get(&key) {
            return Ok(entry.value.clone());
        }
        let value = make();
        entries.put(&key, place, value.clone())?;
        Ok(value)
    }

    /// Takes an entry out.
    pub(crate) async fn remove(&self, place: &Place, id: &T::Id) -> Result<Option<V>, Barred> {
        let key = self.key(place, id)?;
        self.inner.yields.point().await;
        Ok(self.inner.lock().take(&key))
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

    /// Takes out everything that this life put here, whatever scope it lies in, oldest first, and nothing comes after: it
    /// has ended. What is being opened for it is disowned: it goes to the `abandon` of its opener.
    pub(crate) async fn evict(&self, ended: &Ended) -> Vec<V> {
        self.inner.yields.point().await;
        self.inner.lock().take_owned(ended.key())
    }

    /// Takes out every entry of this name, whoever's it is.
    pub(crate) async fn evict_named(&self, id: &T::Id) -> Vec<V> {
        self.inner.yields.point().await;
        self.inner.lock().take_where(|name, _| name == id)
    }

    /// What this life put here, oldest first.
    pub(crate) fn owned_by(&self, owner: &Arc<str>) -> Vec<V> {
        self.inner.lock().owned_by(owner).map(|entry| entry.value.clone()).collect()
    }

    /// Everything in the scope of `place`, oldest first.
    pub(crate) async fn in_scope(&self, place: &Place) -> Result<Vec<V>, Barred> {
        let scope = place.at(self.inner.level)?;
        self.inner.yields.point().await;
        let entries = self.inner.lock();
        if self.inner.level == Level::Session {
            // What is in a session's scope, that session put there: there is no need to look at any other's.
            return Ok(place
                .session()
                .map_or_else(Vec::new, |owner| entries.owned_by(owner).map(|entry| entry.value.clone()).collect()));
        }
        Ok(entries.sorted(|of, _| *of == scope))
    }

    /// Everything, oldest first: for a sweeper, which acts for nobody and hands nothing to anybody.
    pub(crate) fn everything(&self) -> Vec<V> {
        self.inner.lock().sorted(|_, _| true)
    }

    /// Throws away every entry of which this holds, whoever it belongs to: for what has grown old.
    pub(crate) fn discard(&self, old: impl Fn(&T::Id, &V) -> bool) {
        let discarded = self.inner.lock().take_where(|id, value| old(id, value));
        drop(discarded); // The lock was given back before.
    }

    /// Throws away the oldest of those entries that weigh something until there are no more of them than `most`, and they
    /// weigh no more than `heaviest` together.
    pub(crate) fn shed(&self, weigh: impl Fn(&V) -> Option<usize>, most: usize, heaviest: usize) {
        self.inner.lock().shed(weigh, most, heaviest);
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
        self.inner.lock().fill(&self.key, self.generation, value);
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
        let mut entries = self.inner.lock();
        if !entries.is_opening(&self.key, self.generation) || entries.put(&self.key, place, value.clone()).is_err() {
            return Err(value);
        }
        Ok(value)
    }
}

impl<T: Table, V, E> Drop for OpeningTask<T, V, E> {
    fn drop(&mut self) {
        self.inner.lock().end_opening(&self.key, self.generation);
    }
}

/// The task that was opening an entry died, or the session that it was opened for has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned;

impl<T: Table, V, E> Inner<T, V, E> {
    fn lock(&self) -> MutexGuard<'_, Entries<T, V, E>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Table, V, E> Clone for Scoped<T, V, E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}
