//! How programs are made by chance: what is likely, what is rare, and what a smaller program is.
//!
//! In every choice the simplest comes first, because that is where shrinking goes.

use std::ops::RangeInclusive;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy},
    prop_oneof,
    sample::{select, subsequence},
    strategy::BoxedStrategy,
};

use super::program::{
    Ask, Client, Deed, Fault, Id, Intrusion, Key, Limit, Move, Pace, Person, Program, Progress, Route, Server, Verb,
    What,
};
use crate::scenario::model::{CredentialMode, ListKind, Revision};

/// How many moves a program has.
const MOVES: RangeInclusive<usize> = 3..=20;
/// Seeds are short, so that a person can write one down.
const SEEDS: u64 = 10_000;
/// More than any count of users, clients, servers or held calls: places are counted around.
const PLACES: usize = 24;

/// Programs with so many users.
pub fn programs(users: RangeInclusive<usize>) -> BoxedStrategy<Program> {
    let credentials = select(vec![CredentialMode::PerUser, CredentialMode::Shared, CredentialMode::None]);
    let setting = (0..SEEDS, select(Revision::STATEFUL.to_vec()).no_shrink(), credentials, limit());
    let people = vec(person(), users);
    // Mostly one server: the more there are, the fewer meet at each.
    let servers = prop_oneof![
        3 => Just(vec![Server::Db]),
        1 => Just(vec![Server::Github]),
        3 => subsequence(Server::ALL.to_vec(), 1..=3),
    ];
    let whole = (setting, people, servers, vec(one_move(), MOVES));
    let program = whole.prop_map(|((seed, revision, credentials, limit), users, servers, moves)| Program {
        seed,
        revision,
        credentials,
        users,
        servers,
        limit,
        moves,
    });
    program.boxed()
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        6 => Just(Limit::None),
        2 => Just(Limit::Cache),
        2 => Just(Limit::CallTimeout),
        1 => (1_usize..=2).prop_map(Limit::Sessions),
    ]
}

fn person() -> impl Strategy<Value = Person> {
    let unlinked = prop_oneof![12 => Just(false), 1 => Just(true)];
    (vec(client(), 1..=3), unlinked).prop_map(|(clients, unlinked)| Person { clients, unlinked })
}

fn client() -> impl Strategy<Value = Client> {
    let key = prop_oneof![2 => Just(Key::A), 1 => Just(Key::B)];
    let route = prop_oneof![6 => Just(Route::Own), 1 => Just(Route::All)];
    (key, route).prop_map(|(key, route)| Client { key, route })
}

fn one_move() -> impl Strategy<Value = Move> {
    (0..PLACES, 0..PLACES, 0..PLACES, what()).prop_map(|(user, client, server, what)| Move {
        user,
        client,
        server,
        what,
    })
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        24 => ask().prop_map(What::Ask),
        3 => (0..PLACES).prop_map(What::Release),
        1 => (0..PLACES).prop_map(What::ReleaseAll),
        2 => (0..PLACES).prop_map(What::Cancel),
        1 => (0..PLACES).prop_map(What::Drop),
        2 => Just(What::Close),
        1 => Just(What::Initialize),
        1 => Just(What::Wait),
        3 => intrusion().prop_map(What::Intrude),
        1 => Just(What::Census),
        1 => prop_oneof![Just(What::NoSession), Just(What::NoKey)],
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let id = prop_oneof![
        2 => Just(None),
        3 => select(vec![Id::One, Id::Two, Id::Text]).prop_map(Some),
    ];
    let pace = prop_oneof![
        6 => Just(Pace::AtOnce),
        5 => Just(Pace::Held),
        1 => select(vec![
            Fault::Refuse,
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::NotJson,
            Fault::Truncated,
            Fault::WrongId,
        ])
        .prop_map(Pace::Faulty),
    ];
    let progress = prop_oneof![3 => Just(Progress::Untold), 1 => (1_u8..=2).prop_map(Progress::Told)];
    (verb(), id, pace, progress).prop_map(|(verb, id, pace, progress)| Ask { verb, id, pace, progress })
}

fn verb() -> impl Strategy<Value = Verb> {
    let lists = vec![ListKind::Tools, ListKind::Prompts, ListKind::Resources, ListKind::Templates];
    prop_oneof![
        4 => Just(Verb::Echo),
        3 => Just(Verb::Change),
        4 => Just(Verb::Look),
        2 => (0_u8..2).prop_map(Verb::Note),
        2 => (0_u8..2).prop_map(Verb::Find),
        1 => Just(Verb::Whoami),
        2 => select(lists).prop_map(Verb::List),
        1 => Just(Verb::ReadAbout),
        1 => (0_u8..3).prop_map(Verb::ReadOwn),
        1 => Just(Verb::Prompt),
        1 => Just(Verb::Ping),
    ]
}

fn intrusion() -> impl Strategy<Value = Intrusion> {
    let id = select(vec![Id::One, Id::Two, Id::Text]);
    let deed = prop_oneof![
        3 => Just(Deed::Look),
        2 => id.prop_map(Deed::Cancel),
        1 => Just(Deed::Delete),
        1 => Just(Deed::Ping),
        1 => Just(Deed::Listen),
    ];
    (0..PLACES, 0..PLACES, 0..PLACES, deed).prop_map(|(user, client, server, deed)| Intrusion {
        user,
        client,
        server,
        deed,
    })
}
