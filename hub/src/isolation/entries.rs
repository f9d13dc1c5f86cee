//! What is in a table, as it is under its lock: entries by name, and by who put them there.
//!
//! The second way is for the end of an owner, which takes as long among many owners as among few: everybody else waits
//! for the lock meanwhile.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::{
    Place,
    opening::{self, Opened, Opening},
    place::{Barred, Scope},
    table::Table,
};

/// What names an entry.
type Key<T> = (Scope, <T as Table>::Id);

/// Hashed, with a seed that is chance, so that finding an entry takes as long among many as among few; nobody is shown
/// the order.
pub(super) struct Entries<T: Table, V, E> {
    named: HashMap<Key<T>, Entry<V>>,
    /// The generations and names of each owner's entries, oldest first. No owner is here who has none.
    owned: HashMap<Arc<str>, Vec<(u64, Key<T>)>>,
    openings: HashMap<Key<T>, Begun<V, E>>,
    generation: u64,
}

/// An entry.
pub(super) struct Entry<V> {
    pub(super) value: V,
    /// Tells it from any other that has its name, now or later.
    pub(super) generation: u64,
    /// The life that put it there, whatever scope it lies in.
    owner: Arc<str>,
}

/// An opening that has not come to its end.
struct Begun<V, E> {
    opening: Opening<V, E>,
    owner: Arc<str>,
    generation: u64,
}

/// What there is of an entry that is to be opened where there is none.
pub(super) enum Found<V, E> {
    Ready(V),
    Opening(Opening<V, E>),
    Nothing(Opened<V, E>, Opening<V, E>, u64),
}

impl<T: Table, V, E> Entries<T, V, E> {
    /// None.
    pub(super) fn new() -> Self {
        Self { named: HashMap::new(), owned: HashMap::new(), openings: HashMap::new(), generation: 0 }
    }

    /// The entry of this name.
    pub(super) fn get(&self, key: &Key<T>) -> Option<&Entry<V>> {
        self.named.get(key)
    }

    /// Every entry comes in here. Its owner is asked whether they still live: under the lock, or the answer is worth
    /// nothing.
    pub(super) fn put(&mut self, key: &Key<T>, place: &Place, value: V) -> Result<u64, Barred> {
        let owner = place.owner()?;
        self.generation += 1;
        let generation = self.generation;
        match self.owned.get_mut(&owner) {
            Some(owned) => owned.push((generation, key.clone())),
            None => {
                self.owned.insert(owner.clone(), vec![(generation, key.clone())]);
            }
        }
        if let Some(old) = self.named.insert(key.clone(), Entry { value, owner, generation }) {
            self.disown(&old);
        }
        Ok(generation)
    }

    /// Puts this in the place of what an entry holds, if it is still that entry.
    pub(super) fn fill(&mut self, key: &Key<T>, generation: u64, value: V) {
        if let Some(entry) = self.named.get_mut(key).filter(|entry| entry.generation == generation) {
            entry.value = value;
        }
    }

    /// Every entry goes out here, but for those of an owner who has ended.
    pub(super) fn take(&mut self, key: &Key<T>) -> Option<V> {
        let entry = self.named.remove(key)?;
        self.disown(&entry);
        Some(entry.value)
    }

    /// Takes an entry out if it is the one that is meant.
    pub(super) fn take_if(&mut self, key: &Key<T>, meant: impl Fn(&Entry<V>) -> bool) -> Option<V> {
        self.named.get(key).filter(|entry| meant(entry))?;
        self.take(key)
    }

    /// Takes out every entry of which this holds, oldest first.
    pub(super) fn take_where(&mut self, taken: impl Fn(&T::Id, &V) -> bool) -> Vec<V> {
        let mut all: Vec<_> = self.named.extract_if(|(_, id), entry| taken(id, &entry.value)).collect();
        all.sort_unstable_by_key(|(_, entry)| entry.generation);
        for (_, entry) in &all {
            self.disown(entry);
        }
        all.into_iter().map(|(_, entry)| entry.value).collect()
    }

    /// Takes out every entry of this owner, oldest first, and nothing is being opened for them any more.
    pub(super) fn take_owned(&mut self, owner: &Arc<str>) -> Vec<V> {
        self.openings.retain(|_, begun| begun.owner != *owner);
        let owned = self.owned.remove(owner).unwrap_or_default();
        owned.into_iter().filter_map(|(_, key)| Some(self.named.remove(&key)?.value)).collect()
    }

    /// The entries of this owner, oldest first.
    pub(super) fn owned_by(&self, owner: &Arc<str>) -> impl Iterator<Item = &Entry<V>> {
        self.owned.get(owner).into_iter().flatten().filter_map(|(_, key)| self.named.get(key))
    }

    /// Throws away the oldest of those entries that weigh something until there are no more of them than `most`, and they
    /// weigh no more than `heaviest` together.
    pub(super) fn shed(&mut self, weigh: impl Fn(&V) -> Option<usize>, most: usize, heaviest: usize) {
        let weighed = self.named.iter();
        let mut weighed: Vec<_> =
            weighed.filter_map(|(key, entry)| Some((entry.generation, weigh(&entry.value)?, key.clone()))).collect();
        weighed.sort_unstable_by_key(|(generation, ..)| std::cmp::Reverse(*generation));
        let mut together = 0;
        for (number, (_, weight, key)) in weighed.into_iter().enumerate() {
            together += weight;
            if number >= most || together > heaviest {
                self.take(&key);
            }
        }
    }

    /// Whether this very opening is still wanted.
    pub(super) fn is_opening(&self, key: &Key<T>, generation: u64) -> bool {
        self.openings.get(key).is_some_and(|begun| begun.generation == generation)
    }

    /// This very opening has come to its end.
    pub(super) fn end_opening(&mut self, key: &Key<T>, generation: u64) {
        if self.is_opening(key, generation) {
            self.openings.remove(key);
        }
    }

    /// An entry that is there no more is no longer its owner's.
    fn disown(&mut self, entry: &Entry<V>) {
        let Some(owned) = self.owned.get_mut(&entry.owner) else { return };
        if let Ok(at) = owned.binary_search_by_key(&entry.generation, |(generation, _)| *generation) {
            owned.remove(at);
        }
        if owned.is_empty() {
            self.owned.remove(&entry.owner);
        }
    }
}

impl<T: Table, V: Clone, E> Entries<T, V, E> {
    /// Copies of the entries of which this holds, oldest first.
    pub(super) fn sorted(&self, wanted: impl Fn(&Scope, &T::Id) -> bool) -> Vec<V> {
        let wanted = self.named.iter().filter(|((scope, id), _)| wanted(scope, id));
        let mut all: Vec<_> = wanted.map(|(_, entry)| entry).collect();
        all.sort_unstable_by_key(|entry| entry.generation);
        all.into_iter().map(|entry| entry.value.clone()).collect()
    }

    /// The entry, or who is opening it, or the beginning of its opening.
    pub(super) fn find_or_begin(&mut self, key: &Key<T>, place: &Place) -> Result<Found<V, E>, Barred> {
        if let Some(entry) = self.named.get(key) {
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
