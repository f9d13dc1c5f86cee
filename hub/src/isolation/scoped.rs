//! The only shared container of the hub: a table in which every entry lies in the scope of a place.
#![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Isolation, Level, Place,
    opening::{self, Opening},
    place::{Absent, Scope},
    table::Table,
    yields::Yields,
};

/// A shared table of `V`. `E` is why an entry could not be opened.
pub(crate) struct Scoped<T: Table, V, E = Absent> {
    inner: Arc<Inner<T, V, E>>,
}

struct Inner<T: Table, V, E> {
    level: Level,
    yields: Yields,
    state: Mutex<State<T, V, E>>,
}

struct State<T: Table, V, E> {
    entries: BTreeMap<(Scope, T::Id), Entry<V>>,
    openings: BTreeMap<(Scope, T::Id), Opening<V, E>>,
    generation: u64,
}

struct Entry<V> {
    value: V,
    /// The session that put it there, whatever scope it lies in.
    owner: Option<Arc<str>>,
    generation: u64,
}

/// The entry exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken;

impl<T: Table, V: Clone, E> Scoped<T, V, E> {
    /// An empty table, as wide as `isolation` says.
    pub(crate) fn new(isolation: &Isolation) -> Self {
        let state = State { entries: BTreeMap::new(), openings: BTreeMap::new(), generation: 0 };
        let inner = Inner {
            level: isolation.level(&T::SHEET),
            yields: Yields::new(isolation, T::SHEET.name),
            state: Mutex::new(state),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The entry of this name in the scope of `place`.
    pub(crate) async fn get(&self, place: &Place, id: &T::Id) -> Result<Option<V>, Absent> {
        let key = self.key(place, id)?;
        self.inner.yields.point().await;
        Ok(self.inner.lock().entries.get(&key).map(|entry| entry.value.clone()))
    }

    /// Puts an entry there, over one that may be there already.
    pub(crate) async fn insert(&self, place: &Place, id: T::Id, value: V) -> Result<(), Absent> {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        self.inner.lock().put(key, place, value);
        Ok(())
    }

    /// Puts an entry there unless there is one.
    pub(crate) async fn try_insert(&self, place: &Place, id: T::Id, value: V) -> Result<Result<(), Taken>, Absent> {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        let mut state = self.inner.lock();
        if state.entries.contains_key(&key) {
            return Ok(Err(Taken));
        }
        state.put(key, place, value);
        Ok(Ok(()))
    }

    /// The entry, put there by `make` where there was none.
    pub(crate) async fn get_or_insert_with(
        &self,
        place: &Place,
        id: T::Id,
        make: impl FnOnce() -> V,
    ) -> Result<V, Absent> {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        let mut state = self.inner.lock();
        if let Some(entry) = state.entries.get(&key) {
            return Ok(entry.value.clone());
        }
        let value = make();
        state.put(key, place, value.clone());
        Ok(value)
    }

    /// Takes an entry out.
    pub(crate) async fn remove(&self, place: &Place, id: &T::Id) -> Result<Option<V>, Absent> {
        let key = self.key(place, id)?;
        self.inner.yields.point().await;
        Ok(self.inner.lock().entries.remove(&key).map(|entry| entry.value))
    }

    /// Takes out everything that this session put here, whatever scope it lies in.
    pub(crate) async fn evict(&self, owner: &Arc<str>) -> Vec<V> {
        self.take_where(|_, entry_owner| entry_owner == Some(owner)).await
    }

    /// Takes out every entry of this name, whoever's it is.
    pub(crate) async fn evict_named(&self, id: &T::Id) -> Vec<V> {
        self.take_where(|name, _| name == id).await
    }

    /// What this session put here, oldest first.
    pub(crate) fn owned_by(&self, owner: &Arc<str>) -> Vec<V> {
        let state = self.inner.lock();
        let mut owned: Vec<_> = state.entries.values().filter(|entry| entry.owner.as_ref() == Some(owner)).collect();
        owned.sort_by_key(|entry| entry.generation);
        owned.into_iter().map(|entry| entry.value.clone()).collect()
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

    async fn take_where(&self, taken: impl Fn(&T::Id, Option<&Arc<str>>) -> bool) -> Vec<V> {
        self.inner.yields.point().await;
        let mut state = self.inner.lock();
        let all = state.entries.extract_if(.., |(_, id), entry| taken(id, entry.owner.as_ref()));
        all.map(|(_, entry)| entry.value).collect()
    }

    fn key(&self, place: &Place, id: &T::Id) -> Result<(Scope, T::Id), Absent> {
        Ok((place.at(self.inner.level)?, id.clone()))
    }
}

impl<T, V, E> Scoped<T, V, E>
where
    T: Table,
    V: Clone + Send + Sync + 'static,
    E: Clone + From<Absent> + From<Abandoned> + Send + Sync + 'static,
{
    /// The entry, opened where there is none: once for all who ask at the same time, by a task of its
    /// own, so that whoever leaves takes nobody's opening with them. A failure is not kept.
    pub(crate) async fn get_or_open<F>(&self, place: &Place, id: T::Id, open: F) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        let key = self.key(place, &id)?;
        self.inner.yields.point().await;
        let opening = match self.inner.lock().find_or_begin(&key) {
            Found::Ready(value) => return Ok(value),
            Found::Opening(opening) => opening,
            Found::Nothing(opened, opening) => {
                let (inner, place) = (self.inner.clone(), place.clone());
                tokio::spawn(async move {
                    let result = open.await;
                    let mut state = inner.lock();
                    state.openings.remove(&key);
                    if let Ok(value) = &result {
                        state.put(key, &place, value.clone());
                    }
                    drop(state);
                    opened.send_replace(Some(result));
                });
                opening
            }
        };
        opening.wait().await.unwrap_or_else(|| Err(Abandoned.into()))
    }
}

/// The task that was opening an entry died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned;

enum Found<V, E> {
    Ready(V),
    Opening(Opening<V, E>),
    Nothing(opening::Opened<V, E>, Opening<V, E>),
}

impl<T: Table, V: Clone, E> State<T, V, E> {
    fn put(&mut self, key: (Scope, T::Id), place: &Place, value: V) {
        self.generation += 1;
        let entry = Entry { value, owner: place.session().cloned(), generation: self.generation };
        self.entries.insert(key, entry);
    }

    fn find_or_begin(&mut self, key: &(Scope, T::Id)) -> Found<V, E> {
        if let Some(entry) = self.entries.get(key) {
            return Found::Ready(entry.value.clone());
        }
        if let Some(opening) = self.openings.get(key) {
            return Found::Opening(opening.clone());
        }
        let (opened, opening) = opening::begin();
        self.openings.insert(key.clone(), opening.clone());
        Found::Nothing(opened, opening)
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
