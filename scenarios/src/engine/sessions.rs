//! Who holds which session id, and what an id that nobody ever had looks like.

use std::collections::BTreeMap;

use rand::Rng;

use super::forged;
use crate::scenario::model::Actor;

/// The session ids that actors were given, by actor and upstream.
#[derive(Debug, Default)]
pub struct Sessions {
    held: BTreeMap<(Actor, String), Held>,
    newest: Option<String>,
}

#[derive(Debug)]
struct Held {
    /// `None` where the target gave none: then requests carry none.
    id: Option<String>,
    open: bool,
}

impl Sessions {
    /// The open session of an actor: `Some(None)` is one without an id.
    pub fn open(&self, actor: &Actor, upstream: &str) -> Option<Option<&str>> {
        let held = self.held.get(&(actor.clone(), upstream.to_owned()))?;
        held.open.then_some(held.id.as_deref())
    }

    /// The last id that an actor got there, open or not.
    pub fn last(&self, actor: &Actor, upstream: &str) -> Option<&str> {
        self.held.get(&(actor.clone(), upstream.to_owned()))?.id.as_deref()
    }

    /// An actor opened a session; an earlier one of theirs is left as it was.
    pub fn opened(&mut self, actor: &Actor, upstream: &str, id: Option<String>) {
        self.newest = id.clone().or(self.newest.take());
        self.held.insert((actor.clone(), upstream.to_owned()), Held { id, open: true });
    }

    /// The actor ended it.
    pub fn closed(&mut self, actor: &Actor, upstream: &str) {
        if let Some(held) = self.held.get_mut(&(actor.clone(), upstream.to_owned())) {
            held.open = false;
        }
    }

    /// A fresh id that nobody ever had, of the same shape as the target's.
    pub fn unknown(&self, rng: &mut impl Rng) -> String {
        const NO_MODEL: &str = "00000000-0000-4000-8000-000000000000";
        let model = self.newest.as_deref().unwrap_or(NO_MODEL);
        forged::unknown(model, rng)
    }
}
