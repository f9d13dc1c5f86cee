//! Who may come, while the hub runs: found with every request, and changed without ending anybody who stays as they were.
//!
//! A key is good for what its user may do, with that user's credentials. When the key is taken away, or is good for
//! something else from now on, everything ends that was begun with it: sessions here and upstream, calls, streams,
//! children, and what was kept for it. A client whose key is still good begins anew, with what it is good for now.
//! `docs/decisions/0020-people-change.md`.

use std::{fmt, sync::Arc};

use crate::{
    config::{Config, People},
    downstream,
    hub::Hub,
    identity::Caller,
    isolation::Rule,
};

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// How many users there are now.
    pub users: usize,
    /// How many keys are new, or good for something else than before.
    pub begun: usize,
    /// How many keys are no longer good, or no longer for the same.
    pub ended: usize,
    /// What else is different in the file, and needs a restart: keys at its top.
    pub not_yet: Vec<&'static str>,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, begun, ended, not_yet } = self;
        write!(f, "users: {users}; keys begun: {begun}, ended: {ended}")?;
        match not_yet.is_empty() {
            true => Ok(()),
            false => write!(f, "; restart the hub for what has changed in `{}`", not_yet.join("`, `")),
        }
    }
}

impl Hub {
    /// Whoever holds a key, by its SHA-256.
    pub(crate) fn holder(&self, sha256: &[u8; 32]) -> Option<Caller> {
        self.people.read(|people| people.holders.get(sha256).cloned())
    }

    /// Whether everybody may use all that a server has.
    pub(crate) fn is_for_all(&self, server: &str) -> bool {
        self.people.read(|people| !people.restricted.contains(server))
    }

    /// From now on the people of this configuration may come, and nobody else. Everything else of it needs a restart.
    /// Returns when whatever had to end is at its end here; upstreams are told meanwhile.
    pub async fn change_people(self: &Arc<Self>, next: Config) -> Changes {
        let _alone = self.changes.acquire().await;
        let not_yet = self.config.differs_from(&next);
        let now = self.people.now();
        let mut next = next.people;
        stay(&now, &mut next);
        let mut gone: Vec<_> = now.holders.iter().filter(|(key, caller)| !next.holds(key, caller)).collect();
        gone.sort_by(|(_, one), (_, other)| one.credential.cmp(&other.credential));
        if !self.isolation.keeps(Rule::RefuseRevokedKeys) {
            for (key, caller) in gone.drain(..) {
                next.holders.entry(*key).or_insert_with(|| caller.clone());
            }
        }
        let begun = next.holders.iter().filter(|(key, caller)| !now.holds(key, caller)).count();
        let changes = Changes { users: next.users.len(), begun, ended: gone.len(), not_yet };
        if self.isolation.keeps(Rule::EndWithTheKey) {
            // First, since whoever may come again must not find what was kept for who they were.
            for (_, caller) in gone {
                self.forget(caller).await;
            }
        }
        self.people.replace(next);
        if self.isolation.keeps(Rule::EndWithTheKey) {
            for session in self.sessions.everything().into_iter().chain(self.bridged_sessions.everything()) {
                if session.caller.life.has_ended() {
                    downstream::end(self, &session).await;
                }
            }
        }
        tracing::info!("{changes}");
        changes
    }

    /// Ends a key's life, and takes everything out of the tables that was put there for it outside of sessions. What is
    /// counted stays, since it is counted for the person.
    async fn forget(&self, caller: &Caller) {
        let ended = caller.life.end();
        self.upstream_credentials.evict(&ended).await;
        self.upstream_eras.evict(&ended).await;
        self.tool_headers.evict(&ended).await;
        self.list_cache.evict(&ended).await;
        self.read_cache.evict(&ended).await;
        self.request_states.evict(&ended).await;
        self.tasks.evict(&ended).await;
        self.child_processes.evict(&ended).await.iter().for_each(|child| child.end());
    }
}

impl People {
    /// Whether this very caller holds a key.
    fn holds(&self, key: &[u8; 32], caller: &Caller) -> bool {
        self.holders.get(key).is_some_and(|holder| holder.is(caller))
    }
}

/// Whoever holds a key that is good for the same as before stays who they were.
fn stay(now: &People, next: &mut People) {
    for (key, caller) in &mut next.holders {
        let same = |was: &&Caller| was.credential == caller.credential && was.user.may_do_as(&caller.user);
        if let Some(was) = now.holders.get(key).filter(same) {
            *caller = was.clone();
        }
    }
}
