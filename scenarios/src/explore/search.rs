//! Programs side by side, until one fails or enough were played.
//!
//! Program number `n` follows from the seed and `n` alone, whoever plays it; and of several failing ones the first
//! is told. So a search with a seed and a count says the same on every machine.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    ops::{ControlFlow, RangeInclusive},
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use proptest::{
    strategy::{BoxedStrategy, Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sha2::{Digest, Sha256};

use super::{
    file::{Heading, Written},
    program::Program,
    strategy::programs,
};
use crate::{
    registry::Registry,
    run::{CellReport, Options, Verdict, cell::Control, workers::caught},
    target::{Target, reference::UnknownIsolation},
};

/// Every so-many-th program is also played by each user alone: the model of what must be answered is held against
/// servers without a hub.
const CONTROLLED: u64 = 16;

/// What is searched.
#[derive(Debug, Clone)]
pub struct Search {
    /// Decides all programs.
    pub seed: u64,
    /// How many users a program has.
    pub users: RangeInclusive<usize>,
    /// No more programs than these.
    pub cases: Option<u64>,
    /// No new program after this time.
    pub time: Option<Duration>,
    /// Programs side by side.
    pub workers: NonZeroUsize,
}

/// How a search ended.
#[derive(Debug)]
pub enum Searched {
    /// Nothing was found in so many programs.
    Nothing {
        /// How many.
        programs: u64,
    },
    /// A program failed.
    Failed(Box<Found>),
    /// A program was written down wrong, which is a fault of the suite.
    Broken(String),
}

/// A program that failed.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its number.
    pub number: u64,
    /// The program.
    pub program: Program,
    /// As it was played.
    pub written: Written,
    /// What came of it.
    pub report: CellReport,
}

/// What programs are played on.
#[derive(Debug)]
pub struct Stage {
    registry: Registry,
    options: Options,
}

impl Stage {
    /// The hub with this preset or defect.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn new(isolation: Option<&str>) -> Result<Self, UnknownIsolation> {
        let options = Options { target: Target::reference(isolation)?, ..Options::default() };
        Ok(Self { registry: Registry::embedded(), options })
    }

    /// Plays a file, and judges it.
    ///
    /// # Errors
    /// What is wrong with the file, which is a fault of [`file`](super::file).
    pub fn play(&self, written: &Written, control: Control) -> Result<CellReport, String> {
        let cell = written.cell(&self.registry)?;
        Ok(caught(&cell, &self.options, control))
    }
}

/// Whether something is wrong: anything but a pass, and a warning.
pub(super) fn fails(report: &CellReport) -> bool {
    !matches!(report.verdict, Verdict::Pass | Verdict::Warn { .. })
}

impl Search {
    /// What a program with this number is called.
    pub fn name(&self, number: u64) -> String {
        format!("seed-{}-program-{number}", self.seed)
    }

    /// Program `number`, ready to be shrunk.
    pub(super) fn tree(&self, strategy: &BoxedStrategy<Program>, number: u64) -> Box<dyn ValueTree<Value = Program>> {
        let seed = Sha256::new().chain_update(self.seed.to_le_bytes()).chain_update(number.to_le_bytes()).finalize();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        strategy.new_tree(&mut runner).expect("no part of a program is filtered")
    }

    /// Plays programs until one fails, a bound is reached, or `tell`, who hears of each in order, breaks off.
    pub fn run(&self, stage: &Stage, mut tell: impl FnMut(u64) -> ControlFlow<()>) -> Searched {
        let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let deadline = self.time.and_then(|time| Instant::now().checked_add(time));
        let (done, results) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..self.workers.get() {
                let (done, next, over) = (done.clone(), &next, &over);
                scope.spawn(move || {
                    let strategy = programs(self.users.clone());
                    while !over.load(Ordering::Relaxed) && deadline.is_none_or(|deadline| Instant::now() < deadline) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if self.cases.is_some_and(|cases| number >= cases) {
                            break;
                        }
                        if done.send((number, self.one(stage, &strategy, number))).is_err() {
                            break; // Nobody listens any more.
                        }
                    }
                });
            }
            drop(done);
            let searched = first_failing(&results, &mut tell);
            over.store(true, Ordering::Relaxed);
            searched
        })
    }

    fn one(&self, stage: &Stage, strategy: &BoxedStrategy<Program>, number: u64) -> Result<(), Box<Searched>> {
        let program = self.tree(strategy, number).current();
        let written = Written::new(&program, &Heading::unknown(&self.name(number)));
        let control = if number.is_multiple_of(CONTROLLED) { Control::EveryUser } else { Control::Nobody };
        match stage.play(&written, control) {
            Err(reason) => Err(Box::new(Searched::Broken(reason))),
            Ok(report) if fails(&report) => {
                Err(Box::new(Searched::Failed(Box::new(Found { number, program, written, report }))))
            }
            Ok(_) => Ok(()),
        }
    }
}

fn first_failing(
    results: &mpsc::Receiver<(u64, Result<(), Box<Searched>>)>,
    tell: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Searched {
    let mut early = BTreeMap::new();
    let mut programs = 0;
    for (number, result) in results {
        early.insert(number, result);
        while let Some(result) = early.remove(&programs) {
            programs += 1;
            if let Err(ended) = result {
                return *ended;
            }
            if tell(programs).is_break() {
                return Searched::Nothing { programs };
            }
        }
    }
    Searched::Nothing { programs }
}
