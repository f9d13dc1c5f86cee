//! The kernel's promises: a scope is seen from inside it alone, and an opening belongs to nobody who waits.

use std::sync::Arc;

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::{
    Abandoned, Account, Barred, Isolation, Level, Life, Place, Scoped, Serial, Taken,
    table::{InFlight, PublicCache, RequestIds, SHEETS, Sessions, UpstreamSessions},
};
use crate::{envelope::Id, identity::Caller, upstream::Fault};

fn caller(principal: u8, key: u8) -> Caller {
    Caller::new(&format!("user-{principal}").into(), &format!("key-{key}"), &Arc::default())
}

fn place(principal: u8, key: u8, server: u8, session: u8, call: u64) -> Place {
    let server: Arc<str> = format!("server-{server}").into();
    let life = life(principal, key, session);
    Place::of(&caller(principal, key)).towards(&server, Account::Callers).in_session(&life).in_call(call)
}

/// A call of this session.
fn place_in(life: &Life) -> Place {
    Place::of(&caller(1, 1)).towards(&"server-1".into(), Account::Callers).in_session(life).in_call(1)
}

/// A session id is one session's in the whole process, as it is in the hub.
fn life(principal: u8, key: u8, session: u8) -> Life {
    Life::begin(format!("session-{principal}-{key}-{session}").into())
}

#[tokio::test]
async fn a_place_without_the_part_that_a_table_needs_is_an_error() {
    let table: Scoped<UpstreamSessions, u8> = Scoped::new(&Isolation::STRICT);
    let nowhere = Place::of(&caller(1, 1));
    let error: Barred = table.insert(&nowhere, "db".into(), 1).await.unwrap_err();
    assert_eq!(error.to_string(), "a place without its session cannot reach a table of that level");
}

#[tokio::test]
async fn who_leaves_takes_nobodys_opening_with_them() {
    let table: Scoped<UpstreamSessions, u8, Fault> = Scoped::new(&Isolation::STRICT);
    let here = place(1, 1, 1, 1, 1);
    let (go, gone) = oneshot::channel::<()>();
    let opening = async move {
        gone.await.map_err(|_| Fault::from(Abandoned))?;
        Ok(7)
    };
    let impatient = tokio::spawn({
        let (table, here) = (table.clone(), here.clone());
        async move { table.get_or_open(&here, "db".into(), opening, drop).await }
    });
    tokio::task::yield_now().await;
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    let second = table.get_or_open(&here, "db".into(), async { panic!("it is being opened already") }, drop).await;
    assert_eq!(second.unwrap(), 7);
}

#[tokio::test]
async fn a_failed_opening_is_told_to_all_and_not_kept() {
    let table: Scoped<UpstreamSessions, u8, Fault> = Scoped::new(&Isolation::STRICT);
    let here = place(1, 1, 1, 1, 1);
    let fails = || table.get_or_open(&here, "db".into(), async { Err(Fault::TimedOut) }, drop);
    let (first, second) = tokio::join!(fails(), fails());
    assert_eq!((first, second), (Err(Fault::TimedOut), Err(Fault::TimedOut)));
    assert_eq!(table.get_or_open(&here, "db".into(), async { Ok(1) }, drop).await, Ok(1));
}

#[tokio::test]
async fn an_opener_that_dies_is_told_once_and_forgotten() {
    let table: Scoped<UpstreamSessions, u8, Fault> = Scoped::new(&Isolation::STRICT);
    let here = place(1, 1, 1, 1, 1);
    let died = table.get_or_open(&here, "db".into(), async { panic!("an opener dies on purpose") }, drop).await;
    assert_eq!(died, Err(Abandoned.into()));
    assert_eq!(table.get_or_open(&here, "db".into(), async { Ok(1) }, drop).await, Ok(1));
}

#[tokio::test]
async fn what_opens_after_its_owner_ended_is_ended_too() {
    let table: Scoped<UpstreamSessions, u8, Fault> = Scoped::new(&Isolation::STRICT);
    let life = life(1, 1, 1);
    let here = place_in(&life);
    let (go, gone) = oneshot::channel::<u8>();
    let (abandon, abandoned) = oneshot::channel::<u8>();
    let late = tokio::spawn({
        let (table, here) = (table.clone(), here.clone());
        let opening = async move { gone.await.map_err(|_| Fault::from(Abandoned)) };
        async move { table.get_or_open(&here, "db".into(), opening, |value| abandon.send(value).unwrap()).await }
    });
    tokio::task::yield_now().await;
    assert!(table.evict(&life.end()).await.is_empty());
    go.send(1).unwrap();
    assert_eq!(late.await.unwrap(), Err(Abandoned.into()));
    assert_eq!((abandoned.await.unwrap(), table.everything()), (1, vec![]));
}

#[tokio::test]
async fn eviction_goes_by_who_put_it_there() {
    let table: Scoped<RequestIds, u8> = Scoped::new(&Isolation::STRICT);
    let life = life(1, 1, 1);
    let (mine, other) = (place_in(&life), place(1, 1, 1, 2, 2));
    table.insert(&mine, Id::Number("1".into()), 1).await.unwrap();
    table.insert(&other, Id::Number("1".into()), 2).await.unwrap();
    assert_eq!(table.evict(&life.end()).await, [1]);
    assert_eq!(table.everything(), [2]);
}

/// A task that has passed every check of its session is overtaken by the session's end, and comes to the table last.
#[tokio::test]
async fn nothing_is_taken_in_for_a_session_that_has_ended() {
    let table: Scoped<RequestIds, u8, Fault> = Scoped::new(&Isolation::STRICT);
    let life = life(1, 1, 1);
    let (here, id) = (place_in(&life), || Id::Number("1".into()));
    table.evict(&life.end()).await;
    assert_eq!(table.insert(&here, id(), 1).await, Err(Barred::Ended));
    assert_eq!(table.hold(&here, id(), 1).await.unwrap_err(), Barred::Ended);
    assert_eq!(table.try_hold(&here, id(), 1).await.unwrap_err(), Barred::Ended);
    assert_eq!(table.get_or_insert_with(&here, id(), || 1).await, Err(Barred::Ended));
    let opened = table.get_or_open(&here, id(), async { panic!("nobody is there to open it for") }, drop).await;
    assert_eq!(opened, Err(Fault::SessionEnded));
    assert!(table.everything().is_empty());
    // The session is gone, not its key, person or server.
    table.insert(&place(1, 1, 1, 2, 2), id(), 2).await.unwrap();
    assert_eq!(table.everything(), [2]);
}

/// What ends with a key: its sessions, and whatever was put somewhere for it outside of any.
#[tokio::test]
async fn a_session_does_not_outlive_its_key_and_a_key_outlives_its_sessions() {
    let alice = caller(1, 1);
    let (session, other) = (alice.life.begin_within("one".into()), alice.life.begin_within("another".into()));
    session.end();
    assert!(session.has_ended() && !other.has_ended() && !alice.life.has_ended());
    let table: Scoped<RequestIds, u8> = Scoped::new(&Isolation::STRICT);
    let outside = Place::of(&alice).towards(&"server-1".into(), Account::Callers);
    let here = outside.clone().in_session(&other);
    let cached: Scoped<PublicCache, u8> = Scoped::new(&Isolation::STRICT);
    cached.insert(&outside, "lists".into(), 1).await.unwrap();
    cached.insert(&place(2, 1, 2, 1, 1), "lists".into(), 2).await.unwrap();
    assert_eq!(cached.evict(&alice.life.end()).await, [1]);
    assert_eq!(cached.everything(), [2], "which another has put there");
    assert!(other.has_ended());
    assert_eq!(table.insert(&here, Id::Number("1".into()), 1).await, Err(Barred::Ended));
    assert_eq!(cached.insert(&outside, "lists".into(), 1).await, Err(Barred::Ended));
}

#[tokio::test]
async fn what_is_held_goes_when_it_is_let_go_and_never_what_has_replaced_it() {
    let table: Scoped<RequestIds, u8> = Scoped::new(&Isolation::STRICT);
    let (here, id) = (place(1, 1, 1, 1, 1), || Id::Number("1".into()));
    let first = table.try_hold(&here, id(), 1).await.unwrap().unwrap();
    assert_eq!(table.try_hold(&here, id(), 2).await.unwrap().unwrap_err(), Taken);
    let second = table.hold(&here, id(), 2).await.unwrap();
    drop(first);
    assert_eq!(table.get(&here, &id()).await, Ok(Some(2)));
    drop(second);
    assert_eq!(table.get(&here, &id()).await, Ok(None));
    table.hold(&here, id(), 3).await.unwrap().leave();
    assert_eq!(table.get(&here, &id()).await, Ok(Some(3)));
}

#[tokio::test]
async fn a_stale_removal_takes_nothing_that_has_replaced_what_it_means() {
    let table: Scoped<UpstreamSessions, u8> = Scoped::new(&Isolation::STRICT);
    let here = place(1, 1, 1, 1, 1);
    table.insert(&here, "db".into(), 1).await.unwrap();
    assert_eq!(table.remove_if(&here, &"db".into(), |found| *found == 1).await, Ok(Some(1)));
    table.insert(&here, "db".into(), 2).await.unwrap();
    assert_eq!(table.remove_if(&here, &"db".into(), |found| *found == 1).await, Ok(None));
    assert_eq!(table.everything(), [2]);
}

#[test]
fn every_table_has_its_reason_and_serials_count_from_one() {
    for sheet in SHEETS {
        assert!(sheet.level > Level::Process && !sheet.why.is_empty(), "{}", sheet.name);
    }
    let serial = Serial::default();
    assert_eq!([serial.next(), serial.next()], [1, 2]);
}

#[cfg(feature = "defects")]
#[test]
fn a_wrong_name_of_an_isolation_is_answered_with_the_nearest() {
    let error = Isolation::from_name("upstream-session@process").unwrap_err();
    assert!(error.to_string().contains("did you mean `upstream-sessions@process`"), "{error}");
}

#[cfg(feature = "defects")]
#[test]
fn several_defects_are_joined() {
    let joined = Isolation::from_name("list-cache@process+without/same-refusal").unwrap();
    let widened = |table| SHEETS.iter().find(|sheet| sheet.name == table).map(|sheet| joined.level(sheet));
    assert_eq!(widened("list-cache"), Some(Level::Process));
    assert_eq!(widened("read-cache"), Some(Level::Credential));
    assert!(
        !joined.keeps(crate::isolation::Rule::SameRefusal)
            && joined.keeps(crate::isolation::Rule::AuthenticateEveryRequest)
    );
    assert!(Isolation::from_name("list-cache@process+nothing").is_err());
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    /// Two places see one entry exactly when they agree in the part at the table's level.
    #[test]
    fn an_entry_is_seen_from_inside_its_scope_alone(
        a in (0_u8..2, 0_u8..2, 0_u8..2, 0_u8..2, 0_u64..2),
        b in (0_u8..2, 0_u8..2, 0_u8..2, 0_u8..2, 0_u64..2),
    ) {
        let (from, to) = (place(a.0, a.1, a.2, a.3, a.4), place(b.0, b.1, b.2, b.3, b.4));
        let same_key = (a.0, a.1) == (b.0, b.1);
        run(async {
            let sessions: Scoped<Sessions, u8> = Scoped::new(&Isolation::STRICT);
            sessions.insert(&from, ("r".into(), "id".into()), 1).await.unwrap();
            prop_assert_eq!(sessions.get(&to, &("r".into(), "id".into())).await.unwrap().is_some(), same_key);
            let upstreams: Scoped<UpstreamSessions, u8> = Scoped::new(&Isolation::STRICT);
            upstreams.insert(&from, "s".into(), 1).await.unwrap();
            let seen = upstreams.get(&to, &"s".into()).await.unwrap().is_some();
            prop_assert_eq!(seen, same_key && a.3 == b.3);
            let calls: Scoped<InFlight, u8> = Scoped::new(&Isolation::STRICT);
            calls.insert(&from, 1, 1).await.unwrap();
            prop_assert_eq!(calls.get(&to, &1).await.unwrap().is_some(), a.4 == b.4);
            Ok(())
        })?;
    }

    /// Owners who put things over each other's, take them out and end: each has what a plain list would say they have.
    #[test]
    fn whose_an_entry_is_stays_known_whatever_happens_to_others(
        steps in prop::collection::vec((0_u8..5, 0_usize..3, 0_u8..3), 1..40)
    ) {
        run(async {
            let table: Scoped<PublicCache, usize> = Scoped::new(&Isolation::STRICT);
            let lives = [life(1, 1, 1), life(1, 1, 2), life(1, 1, 3)];
            let mut expected: Vec<(usize, String, usize)> = Vec::new();
            for (number, (step, owner, name)) in steps.into_iter().enumerate() {
                let (here, id) = (place_in(&lives[owner]), format!("list {name}"));
                match step {
                    0 | 1 => {
                        let put = table.insert(&here, id.clone(), number).await;
                        prop_assert_eq!(put.is_ok(), !lives[owner].has_ended());
                        if put.is_ok() {
                            expected.retain(|(_, known, _)| *known != id);
                            expected.push((owner, id, number));
                        }
                    }
                    2 => {
                        table.remove(&here, &id).await.unwrap();
                        expected.retain(|(_, known, _)| *known != id);
                    }
                    3 => {
                        let gone = table.evict(&lives[owner].end()).await;
                        let of_owner = expected.iter().filter(|(of, ..)| *of == owner).map(|(.., value)| *value);
                        prop_assert_eq!(gone, of_owner.collect::<Vec<_>>());
                        expected.retain(|(of, ..)| *of != owner);
                    }
                    _ => {
                        table.discard(|known, _| *known == id);
                        expected.retain(|(_, known, _)| *known != id);
                    }
                }
                for (number, life) in lives.iter().enumerate() {
                    let of_owner = expected.iter().filter(|(of, ..)| *of == number).map(|(.., value)| *value);
                    prop_assert_eq!(table.owned_by(life.key()), of_owner.collect::<Vec<_>>());
                }
                prop_assert_eq!(table.everything(), expected.iter().map(|(.., value)| *value).collect::<Vec<_>>());
            }
            Ok(())
        })?;
    }
}
