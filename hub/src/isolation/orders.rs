//! The promises of a table, kept in whatever order its users come: the source of `scoped.rs` once more, with locks and
//! tasks of shuttle's, which changes places at every lock and every wait, each time differently.
//!
//! Every promise is played in [`ORDERS`] orders. An order that breaks one is printed by shuttle and can be replayed.

use std::{future::Future, sync::Arc};

use shuttle::{
    future::{block_on, spawn, yield_now},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    Account, Isolation, Level, Life, Place, entries, life, place,
    table::{self, RequestIds, UpstreamSessions},
    yields,
};
use crate::{envelope::Id, identity::Caller, upstream::Fault};

/// The names under which `scoped.rs` finds its lock and its tasks.
mod sync {
    pub(super) use shuttle::{
        future::spawn,
        sync::{Mutex, MutexGuard},
    };
}

#[expect(clippy::duplicate_mod, reason = "the same source as the hub's own, on purpose")]
#[expect(dead_code, reason = "not every part of it is played here")]
#[path = "scoped.rs"]
mod scoped;

use scoped::{Abandoned, Scoped};

/// In how many orders a promise is played.
const ORDERS: usize = 2000;

/// Sessions by server, as the hub keeps them, with a number in the place of each.
type Upstreams = Scoped<UpstreamSessions, usize, Fault>;
type Ids = Scoped<RequestIds, usize>;

impl From<Abandoned> for Fault {
    fn from(_: Abandoned) -> Self {
        Self::SessionEnded
    }
}

fn in_many_orders<F: Future<Output = ()> + 'static>(promise: impl Fn() -> F + Send + Sync + 'static) {
    shuttle::check_random_with_seed(move || block_on(promise()), 7, ORDERS);
}

fn session(name: &str) -> (Life, Place) {
    let life = Life::begin(name.into());
    let caller = Caller::new(&"alice".into(), "key", &Arc::default());
    let place = Place::of(&caller).towards(&"db".into(), Account::Nobodys).in_session(&life).in_call(1);
    (life, place)
}

fn id(number: usize) -> Id {
    Id::Number(number.to_string())
}

/// Counts what happens in one order.
#[derive(Debug, Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    /// Once more; how often by now.
    fn more(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn so_far(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Opens number 1 the first time, then number 2, and so on.
async fn open(opened: Count) -> Result<usize, Fault> {
    yield_now().await;
    let number = opened.more();
    yield_now().await;
    Ok(number)
}

fn never(_: usize) {
    panic!("nobody's session has ended");
}

#[test]
fn what_all_ask_for_is_opened_once() {
    in_many_orders(|| async {
        let (table, opened) = (Upstreams::new(&Isolation::STRICT), Count::default());
        let (_life, here) = session("s");
        let askers: Vec<_> = (0..3)
            .map(|_| {
                let (table, here, opened) = (table.clone(), here.clone(), opened.clone());
                spawn(async move { table.get_or_open(&here, "db".into(), open(opened), never).await })
            })
            .collect();
        for asker in askers {
            assert_eq!(asker.await.unwrap(), Ok(1));
        }
        assert_eq!((opened.so_far(), table.everything()), (1, vec![1]));
    });
}

#[test]
fn who_leaves_takes_nobodys_opening_with_them() {
    in_many_orders(|| async {
        let (table, opened) = (Upstreams::new(&Isolation::STRICT), Count::default());
        let (_life, here) = session("s");
        let ask = || {
            let (table, here, opened) = (table.clone(), here.clone(), opened.clone());
            spawn(async move { table.get_or_open(&here, "db".into(), open(opened), never).await })
        };
        let (impatient, patient) = (ask(), ask());
        yield_now().await;
        impatient.abort();
        assert_eq!(patient.await.unwrap(), Ok(1));
        let _ = impatient.await;
        assert_eq!((opened.so_far(), table.everything()), (1, vec![1]));
    });
}

#[test]
fn a_failure_is_not_kept() {
    in_many_orders(|| async {
        let (table, opened) = (Upstreams::new(&Isolation::STRICT), Count::default());
        let (_life, here) = session("s");
        let askers: Vec<_> = (0..2)
            .map(|_| {
                let (table, here) = (table.clone(), here.clone());
                let fails = async {
                    yield_now().await;
                    Err(Fault::TimedOut)
                };
                spawn(async move { table.get_or_open(&here, "db".into(), fails, never).await })
            })
            .collect();
        for asker in askers {
            assert_eq!(asker.await.unwrap(), Err(Fault::TimedOut));
        }
        assert_eq!(table.get_or_open(&here, "db".into(), open(opened), never).await, Ok(1));
    });
}

#[test]
fn what_opens_for_a_session_that_ends_is_given_up_once_and_stays_nowhere() {
    in_many_orders(|| async {
        let (table, opened, abandoned) = (Upstreams::new(&Isolation::STRICT), Count::default(), Count::default());
        let (life, here) = session("s");
        let askers: Vec<_> = (0..2)
            .map(|_| {
                let (table, here) = (table.clone(), here.clone());
                let (opened, abandoned) = (opened.clone(), abandoned.clone());
                let abandon = move |_| {
                    abandoned.more();
                };
                spawn(async move { table.get_or_open(&here, "db".into(), open(opened), abandon).await })
            })
            .collect();
        let ending = spawn({
            let table = table.clone();
            async move {
                yield_now().await;
                table.evict(&life.end()).await
            }
        });
        for asker in askers {
            assert!(matches!(asker.await.unwrap(), Ok(1) | Err(Fault::SessionEnded)));
        }
        let evicted = ending.await.unwrap();
        // Whatever was opened is closed by exactly one: who clears the table, or who opened it.
        assert_eq!(opened.so_far(), evicted.len() + abandoned.so_far());
        assert!(table.everything().is_empty());
        assert_eq!(table.get(&here, &"db".into()).await, Ok(None));
    });
}

#[test]
fn a_stale_removal_never_takes_the_replacement() {
    in_many_orders(|| async {
        let (table, opened) = (Upstreams::new(&Isolation::STRICT), Count::default());
        let (_life, here) = session("s");
        let lost = 0;
        table.insert(&here, "db".into(), lost).await.unwrap();
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let (table, here, opened) = (table.clone(), here.clone(), opened.clone());
                spawn(async move {
                    table.remove_if(&here, &"db".into(), |used| *used == lost).await.unwrap();
                    table.get_or_open(&here, "db".into(), open(opened), never).await
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok(1));
        }
        assert_eq!((opened.so_far(), table.everything()), (1, vec![1]));
    });
}

#[test]
fn what_is_let_go_late_never_takes_the_replacement() {
    in_many_orders(|| async {
        let table = Ids::new(&Isolation::STRICT);
        let (_life, here) = session("s");
        let first = table.hold(&here, id(1), 1).await.unwrap();
        let leaving = spawn(async move { drop(first) });
        let second = table.hold(&here, id(1), 2).await.unwrap();
        leaving.await.unwrap();
        assert_eq!(table.everything(), [2]);
        drop(second);
        assert!(table.everything().is_empty());
    });
}

/// Puts one entry under each of several ids, by every way in that there is.
async fn put_by_every_way(table: Ids, here: Place) {
    let _ = table.insert(&here, id(1), 1).await;
    if let Ok(held) = table.hold(&here, id(2), 2).await {
        held.leave();
    }
    if let Ok(Ok(held)) = table.try_hold(&here, id(3), 3).await {
        held.leave();
    }
    let _ = table.get_or_insert_with(&here, id(4), || 4).await;
}

#[test]
fn the_end_of_a_session_leaves_nothing_of_it_and_everything_of_others() {
    in_many_orders(|| async {
        let table = Ids::new(&Isolation::STRICT);
        let ((life, here), (_other, elsewhere)) = (session("s"), session("t"));
        let tasks = [
            spawn(put_by_every_way(table.clone(), here.clone())),
            spawn(put_by_every_way(table.clone(), elsewhere.clone())),
            spawn({
                let table = table.clone();
                async move { drop(table.evict(&life.end()).await) }
            }),
        ];
        for task in tasks {
            task.await.unwrap();
        }
        for number in 1..=4 {
            assert_eq!(table.get(&here, &id(number)).await, Ok(None), "of who has ended");
            assert_eq!(table.get(&elsewhere, &id(number)).await, Ok(Some(number)), "of somebody else");
        }
        assert_eq!(table.everything().len(), 4);
    });
}
