//! Cells side by side, each on a runtime of its own, told in the order of the plan.

use std::{
    any::Any,
    collections::BTreeMap,
    ops::ControlFlow,
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

/// Plays all cells and tells each report in plan order, until `tell` breaks off.
pub fn play(cells: &[Cell], options: &Options, mut tell: impl FnMut(CellReport) -> ControlFlow<()>) {
    let next = AtomicUsize::new(0);
    let (done, reports) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..options.workers.get() {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cell) = cells.get(number) else { break };
                    if done.send((number, caught(cell, options, Control::EveryUser))).is_err() {
                        break; // Nobody listens any more.
                    }
                }
            });
        }
        drop(done);
        in_order(&reports, &mut tell);
        next.store(cells.len(), Ordering::Relaxed);
        drop(reports);
    });
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
    catch_unwind(AssertUnwindSafe(|| cell::report(cell, options, control))).unwrap_or_else(|panic| CellReport {
        scenario: cell.scenario.clone(),
        cell: cell.name.clone(),
        seed: options.seed,
        verdict: Verdict::Harness { reason: format!("panic while playing: {}", words(panic.as_ref())) },
        trace: None,
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
