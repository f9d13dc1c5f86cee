//! One cell: played through the target with everybody, then for each user alone, then judged.

use std::{collections::BTreeMap, io, time::Duration};

use tokio::runtime::{Builder, Runtime};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;

use super::{Cell, CellReport, Mode, Options, Verdict};
use crate::{
    engine::{
        cast,
        pace::Pace,
        player::Player,
        stage::{Front, Stage},
    },
    oracles::{self, Finding, Severity},
    scenario::model::{Action, Need},
    target::Promises,
    trace::{
        Event, Index, Trace,
        facts::{Answers, IdentityHeaders, Logs, Refusals, Sharing},
        recorder::Recorder,
    },
};

/// What of the log is judged: all that the reference hub says, also what operators rarely switch on.
const LOGGED: &str = "hub=debug";

/// Whether each user is also played alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Each user, through nothing: what fails there is the suite's fault, what differs from it is interference.
    EveryUser,
    /// Nobody: for a cell of which all that is expected was computed beforehand.
    Nobody,
}

/// Plays and judges one cell.
pub fn report(cell: &Cell, options: &Options, control: Control) -> CellReport {
    let (verdict, trace) = match not_applicable(cell, options) {
        Some(reason) => (Verdict::NotApplicable { reason }, None),
        None => match played(cell, options, control) {
            Ok((verdict, trace)) => (verdict, Some(trace)),
            Err(verdict) => (verdict, None),
        },
    };
    CellReport::of(cell, options.seed, verdict, trace)
}

fn not_applicable(cell: &Cell, options: &Options) -> Option<String> {
    let moves_clock = cell.scenario.steps.iter().any(|step| matches!(step.action, Action::AdvanceClock(_)));
    let needs_clock = cell.scenario.needs.iter().any(|need| need.value == Need::Clock);
    if options.mode == Mode::Socket && (moves_clock || needs_clock) {
        return Some("needs `clock`: over sockets nobody can move the target's clock".to_owned());
    }
    options.target.declines(cell, options.destructive)
}

fn played(cell: &Cell, options: &Options, control: Control) -> Result<(Verdict, Trace), Verdict> {
    let (trace, alone) = traces(cell, options, control).map_err(|reason| Verdict::CouldNotRun { reason })?;
    let alone: Vec<Index<'_>> = alone.iter().map(Index::new).collect();
    if let Some(finding) = alone.iter().flat_map(oracles::judge_alone).next() {
        return Err(Verdict::Harness { reason: blame(&finding) });
    }
    let verdict = judged(&Index::new(&trace), &alone);
    Ok((verdict, trace))
}

/// The trace of a cell, and those of its control runs. The error is why it could not be played, in words.
pub(crate) fn traces(cell: &Cell, options: &Options, control: Control) -> Result<(Trace, Vec<Trace>), String> {
    let target = &options.target;
    let promises = target.promises_in(cell, options)?;
    let among = Setting { front: Front::Target(target.clone()), promises, alone: None };
    let trace = among.play(cell, options)?;
    // A server was tried by one user alone before; what it remembers from another play would differ for no reason of its own.
    let controlled = control == Control::EveryUser && !cell.scenario.is_for_servers();
    let mut alone = Vec::new();
    for user in cell.scenario.users.keys().filter(|_| controlled) {
        let by_itself = Setting { front: Front::Nothing, promises: nothing(), alone: Some(user) };
        alone.push(by_itself.play(cell, options)?);
    }
    Ok((trace, alone))
}

/// A user alone, straight at the upstreams, is promised nothing but an answer.
fn nothing() -> Promises {
    Promises {
        sharing: Sharing::Shared,
        identity_headers: IdentityHeaders::NotPromised,
        refusals: Refusals::Similar,
        logs: Logs::NotPromised,
        answers: Answers::Alike,
        naming: "{name}".to_owned(),
        server: None,
    }
}

fn blame(finding: &Finding) -> String {
    format!(
        "alone and through no hub, step {}: {} (expected {}, received {})",
        finding.step + 1,
        finding.headline,
        finding.expected,
        finding.received
    )
}

fn judged(index: &Index<'_>, alone: &[Index<'_>]) -> Verdict {
    let findings = oracles::judge(index, alone);
    if findings.iter().any(|finding| finding.severity == Severity::Failure) {
        return Verdict::Fail { findings };
    }
    if !findings.is_empty() {
        return Verdict::Warn { findings };
    }
    if let Some(reason) = oracles::not_observed(index) {
        return Verdict::NotObserved { reason };
    }
    Verdict::Pass
}

/// Through what a cell is played, and for whom.
pub(crate) struct Setting<'u> {
    pub(crate) front: Front,
    pub(crate) promises: Promises,
    /// One user, or everybody.
    pub(crate) alone: Option<&'u str>,
}

impl Setting<'_> {
    /// Plays it. The error is why it could not be played, in words.
    pub(crate) fn play(&self, cell: &Cell, options: &Options) -> Result<Trace, String> {
        self.timed(cell, options).map(|(trace, _)| trace)
    }

    /// Plays it, and tells how long each step took. No trace holds a time: nothing is judged by it.
    pub(crate) fn timed(&self, cell: &Cell, options: &Options) -> Result<(Trace, BTreeMap<usize, Duration>), String> {
        let pace = match options.mode {
            Mode::InProcess => Pace::Virtual,
            Mode::Socket => Pace::Real(options.patience),
        };
        let seed = options.target.seed(cell, options.seed)?;
        let facts = cast::facts(cell, seed, &self.promises);
        let mut facts = if self.alone.is_some() { facts.straight() } else { facts };
        let runtime = runtime(pace).map_err(|error| error.to_string())?;
        let recorder = Recorder::default();
        let log = logged(&recorder);
        let played = runtime.block_on(async {
            let mut stage = Stage::raise(recorder.clone(), &facts, &self.front, pace, seed).await?;
            facts.keys.extend(stage.keys.clone());
            let took = Player::new(cell, &facts, &mut stage, &self.front, self.alone).play().await;
            stage.close().await?;
            Ok::<_, String>(took)
        });
        // What still lives ends with the runtime, in an order that is chance: the book is closed before.
        let trace = recorder.into_trace(facts);
        drop(runtime);
        drop(log);
        Ok((trace, played?))
    }
}

/// What the target logs on this thread becomes a part of the trace, for as long as the guard lives.
fn logged(recorder: &Recorder) -> DefaultGuard {
    let recorder = recorder.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(LOGGED))
        .with_ansi(false)
        .without_time()
        .with_writer(move || Lines { recorder: recorder.clone() });
    tracing::subscriber::set_default(subscriber.finish())
}

/// Writes each line of a log into a trace.
struct Lines {
    recorder: Recorder,
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).trim_end().to_owned();
        self.recorder.record(Event::Log { line });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One thread for everything in a cell; in virtual time its clock stands still.
fn runtime(pace: Pace) -> io::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    if !pace.is_real() {
        builder.start_paused(true);
    }
    builder.build()
}
