//! From a failing program to the smallest that still fails, in the open.
//!
//! First along the tree that proptest made the program from; then, since what was needed at first may not be needed
//! any more, every move and every two of them once again, and every part of a move, until none can go.

use std::collections::HashMap;

use proptest::strategy::ValueTree;

use super::{
    file::{Heading, Written},
    memory::Who,
    program::{Ask, Intrusion, Move, Pace, Person, Program, Progress, Verb, What},
    script::script,
    search::{Found, Search, Stage, fails},
    strategy::programs,
};
use crate::run::{CellReport, cell::Control};

/// No more files than these are played for one failure, and no more programs than these written down.
const MOST: (usize, usize) = (1500, 50_000);

/// A smaller program that still fails.
#[derive(Debug, Clone)]
pub struct Smaller {
    /// The program.
    pub program: Program,
    /// As it was played.
    pub written: Written,
    /// What came of it.
    pub report: CellReport,
}

struct Shrinking<'s, F> {
    stage: &'s Stage,
    name: String,
    best: Smaller,
    /// What came of every text that was played: whether it failed.
    played: HashMap<String, bool>,
    written: usize,
    tell: F,
}

/// Shrinks what a search found. `tell` hears of every improvement.
pub fn shrink(search: &Search, stage: &Stage, found: &Found, tell: impl FnMut(&Smaller)) -> Smaller {
    let best = Smaller { program: found.program.clone(), written: found.written.clone(), report: found.report.clone() };
    let played = HashMap::from([(found.written.text.clone(), true)]);
    let mut shrinking = Shrinking { stage, name: search.name(found.number), best, played, written: 0, tell };
    // Where the yields do not matter, a reader need not wonder about a seed.
    let seedless = shrinking.fails(&Program { seed: 0, ..found.program.clone() });
    let seeded = |program: Program| if seedless { Program { seed: 0, ..program } } else { program };
    let mut tree = search.tree(&programs(search.users.clone()), found.number);
    let mut smaller = tree.simplify();
    while smaller && !shrinking.is_spent() {
        smaller = if shrinking.fails(&seeded(tree.current())) { tree.simplify() } else { tree.complicate() };
    }
    while shrinking.without_moves() || shrinking.simpler_moves() {}
    shrinking.renamed();
    shrinking.best
}

impl<F: FnMut(&Smaller)> Shrinking<'_, F> {
    fn is_spent(&self) -> bool {
        self.played.len() >= MOST.0 || self.written >= MOST.1
    }

    /// Whether a program fails; if it is the smallest that does, it is the best from now on.
    fn fails(&mut self, program: &Program) -> bool {
        self.written += 1;
        let written = Written::new(program, &Heading::unknown(&self.name));
        if let Some(failed) = self.played.get(&written.text) {
            return *failed;
        }
        let report = self.stage.play(&written, Control::Nobody).ok().filter(fails);
        self.played.insert(written.text.clone(), report.is_some());
        let Some(report) = report else { return false };
        if size(&written) < size(&self.best.written) || self.best.program.seed != 0 && program.seed == 0 {
            self.best = Smaller { program: program.clone(), written, report };
            (self.tell)(&self.best);
        }
        true
    }

    /// Takes away one move, or two; true where that was an improvement.
    fn without_moves(&mut self) -> bool {
        let moves = self.best.program.moves.len();
        let pairs = (0..moves).flat_map(|first| (first..moves).map(move |second| (first, second)));
        for (first, second) in pairs {
            if self.is_spent() {
                return false;
            }
            let mut program = self.best.program.clone();
            program.moves.remove(second);
            if second != first {
                program.moves.remove(first);
            }
            if self.improves(&program) {
                return true;
            }
        }
        false
    }

    /// Makes one part of one move the simplest there is; true where that was an improvement.
    fn simpler_moves(&mut self) -> bool {
        let moves = self.best.program.moves.clone();
        for (place, one) in moves.iter().enumerate() {
            for simpler in simpler(one) {
                let mut program = self.best.program.clone();
                program.moves[place] = simpler;
                if !self.is_spent() && self.improves(&program) {
                    return true;
                }
            }
        }
        false
    }

    /// Whoever is left is called what the first are called. A reader is used to Alice and Bob.
    fn renamed(&mut self) {
        let program = compact(&self.best.program);
        let written = Written::new(&program, &Heading::unknown(&self.name));
        let report = self.stage.play(&written, Control::Nobody).ok().filter(fails);
        if let Some(report) = report {
            self.best = Smaller { program, written, report };
            (self.tell)(&self.best);
        }
    }

    fn improves(&mut self, program: &Program) -> bool {
        let before = size(&self.best.written);
        self.fails(program) && size(&self.best.written) < before
    }
}

/// The same program without those whom no step names.
fn compact(program: &Program) -> Program {
    let people: Vec<Who> = script(program).people.into_iter().collect();
    let mut users: Vec<usize> = people.iter().map(|who| who.user).collect();
    users.dedup();
    let clients = |user: usize| people.iter().filter(move |who| who.user == user).map(|who| who.client);
    let place = |user: usize, client: usize| {
        let user = user % program.users.len();
        let client = client % program.users[user].clients.len();
        let new = users.iter().position(|own| *own == user).unwrap_or_default();
        (new, clients(user).position(|own| own == client).unwrap_or_default())
    };
    let moved = |one: &Move| {
        let (user, client) = place(one.user, one.client);
        let what = match &one.what {
            What::Intrude(intrusion) => {
                let (user, client) = place(intrusion.user, intrusion.client);
                What::Intrude(Intrusion { user, client, ..intrusion.clone() })
            }
            what => what.clone(),
        };
        Move { user, client, what, ..one.clone() }
    };
    let kept = |user: &usize| {
        let person = &program.users[*user];
        Person { clients: clients(*user).map(|client| person.clients[client]).collect(), ..person.clone() }
    };
    Program {
        users: users.iter().map(kept).collect(),
        moves: program.moves.iter().map(moved).collect(),
        ..program.clone()
    }
}

/// A move with one part made simple.
fn simpler(one: &Move) -> Vec<Move> {
    let mut all = vec![
        Move { user: 0, ..one.clone() },
        Move { user: 1, ..one.clone() },
        Move { client: 0, ..one.clone() },
        Move { server: 0, ..one.clone() },
    ];
    if let What::Ask(ask) = &one.what {
        let asks = [
            Ask { verb: Verb::Echo, ..ask.clone() },
            Ask { id: None, ..ask.clone() },
            Ask { pace: Pace::AtOnce, ..ask.clone() },
            Ask { progress: Progress::Untold, ..ask.clone() },
        ];
        all.extend(asks.into_iter().map(|ask| Move { what: What::Ask(ask), ..one.clone() }));
    }
    all
}

/// How much there is to read: steps first, then what they say.
fn size(written: &Written) -> (usize, usize) {
    (written.steps, written.text.len())
}
