//! Cells side by side, each on a runtime of its own, told in the order of the plan.

use std::{
    any::Any,
    collections::BTreeMap,
    ops::{ControlFlow, Range},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use super::{
    Cell, CellReport, Options, Verdict,
    cell::{self, Control},
};
use crate::oracles::{Finding, Oracle, Severity};

/// A target that could not be started so often in a row is not tried again.
const MOST_FAILED_STARTS: usize = 4;

/// Plays all cells and tells each report in plan order, until `tell` breaks off.
pub fn play(cells: &[Cell], options: &Options, mut tell: impl FnMut(CellReport) -> ControlFlow<()>) {
    let units = units(cells, options);
    let next = AtomicUsize::new(0);
    let failed_starts = AtomicUsize::new(0);
    let (done, reports) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..options.workers.get() {
            let (done, next, units, failed_starts) = (done.clone(), &next, &units, &failed_starts);
            scope.spawn(move || {
                'units: while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut serialized = None;
                    for number in unit.clone() {
                        let (cell, known) = (&cells[number], Known { serialized: &serialized, failed_starts });
                        let report =
                            known.of(cell, options).unwrap_or_else(|| caught(cell, options, Control::EveryUser));
                        if options.target.is_foreign() {
                            known.learn(&report);
                            serialized = serialized.or_else(|| stood_in_line(&report));
                        }
                        if done.send((number, report)).is_err() {
                            break 'units; // Nobody listens any more.
                        }
                    }
                }
            });
        }
        drop(done);
        in_order(&reports, &mut tell);
        next.store(units.len(), Ordering::Relaxed);
        drop(reports);
    });
}

/// What one worker takes at a time: a cell, or all cells of a scenario where one of them may spare the others.
fn units(cells: &[Cell], options: &Options) -> Vec<Range<usize>> {
    let mut units: Vec<Range<usize>> = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        match units.last_mut() {
            Some(unit) if options.target.is_foreign() && cells[unit.start].scenario.id == cell.scenario.id => {
                unit.end = number + 1;
            }
            _ => units.push(number..number + 1),
        }
    }
    units
}

/// The cell in which a request stood behind another's held call.
fn stood_in_line(report: &CellReport) -> Option<String> {
    let findings = report.verdict.findings().iter();
    let waited = |finding: &Finding| finding.oracle == Oracle::Serialized && finding.severity == Severity::Failure;
    findings.clone().any(waited).then(|| report.cell.clone())
}

/// What earlier cells have shown of a target, so that a run does not wait for the same failure again and again.
struct Known<'k> {
    serialized: &'k Option<String>,
    failed_starts: &'k AtomicUsize,
}

impl Known<'_> {
    /// A report without playing.
    fn of(&self, cell: &Cell, options: &Options) -> Option<CellReport> {
        let verdict = if self.failed_starts.load(Ordering::Relaxed) >= MOST_FAILED_STARTS {
            let reason = "not tried: the target could not be started several times in a row".to_owned();
            Verdict::CouldNotRun { reason }
        } else {
            let first = self.serialized.as_ref()?;
            let reason = format!("the hub serializes held calls, as the cell `{first}` of the same scenario shows");
            Verdict::NotApplicable { reason }
        };
        Some(CellReport::of(cell, options.seed, verdict, None))
    }

    fn learn(&self, report: &CellReport) {
        match report.verdict {
            Verdict::CouldNotRun { .. } => {
                self.failed_starts.fetch_add(1, Ordering::Relaxed);
            }
            Verdict::NotApplicable { .. } => {}
            _ => self.failed_starts.store(0, Ordering::Relaxed),
        }
    }
}

fn in_order(reports: &mpsc::Receiver<(usize, CellReport)>, tell: &mut impl FnMut(CellReport) -> ControlFlow<()>) {
    let mut early = BTreeMap::new();
    let mut due = 0;
    for (number, report) in reports {
        early.insert(number, report);
        while let Some(report) = early.remove(&due) {
            due += 1;
            if tell(report).is_break() {
                return;
            }
        }
    }
}

/// A panic anywhere in a cell is told as that cell's outcome; the others go on.
pub(crate) fn caught(cell: &Cell, options: &Options, control: Control) -> CellReport {
    catch_unwind(AssertUnwindSafe(|| cell::report(cell, options, control))).unwrap_or_else(|panic| {
        let verdict = Verdict::Harness { reason: format!("panic while playing: {}", words(panic.as_ref())) };
        CellReport::of(cell, options.seed, verdict, None)
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
