//! The steps, in order, until one fails that the others need.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::runtime::Builder;

use super::{Line, roles, seen};
use crate::{
    diagnostics::{Style, render},
    engine::{
        cast,
        client::Wire,
        pace::Pace,
        player::Player,
        stage::{Front, Stage},
    },
    run::{self, Cell, Options},
    scenario,
    target::{
        Running, Target,
        file::Program,
        process::{Process, Stopped},
        provisioning::Kept,
        room::{Room, Trouble},
        trial,
    },
    trace::{Facts, recorder::Recorder},
};

/// Walks through a valid target and tells every step as it is done. True where nothing is missing.
///
/// # Errors
/// What the suite itself could not do.
pub fn walk(target: &Target, options: &Options, tell: &mut dyn FnMut(Line)) -> Result<bool, String> {
    let (program, cell) = match target {
        Target::Reference(_) => return Err("the reference hub needs no doctor".to_owned()),
        Target::Hub(file) => (&file.program, probe(&file.program)?),
        Target::Server(file) => (&file.program, trial::probe(file, options.destructive)?),
    };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let seed = target.seed(&cell, options.seed)?;
    let facts = cast::facts(&cell, seed, &program.promises);
    let mut fine = true;
    let mut tell = |line: Line| {
        fine &= !line.is_missing();
        tell(line);
    };
    let walk = Walk { target, program, cell: &cell, options };
    runtime.block_on(walk.through(facts, &mut tell))?;
    Ok(fine)
}

/// The probe in the newest revision and the first credential mode that the hub can be asked.
fn probe(file: &Program) -> Result<Cell, String> {
    let scenario = scenario::own("doctor/probe.yaml", include_str!("probe.yaml"))?;
    let cells = run::plan(&[Arc::new(scenario)], &Options::default());
    let asked = |cell: &Cell| {
        let (mode, revision) = (cell.credentials.to_string(), cell.revision.to_string());
        !file.unsupported.contains_key(&mode) && !file.unsupported.contains_key(&revision)
    };
    // The newest revision comes last, and in it the modes from per-user to none.
    let newest = cells.iter().rev().find(|cell| asked(cell)).map(|cell| cell.revision);
    let found = cells.into_iter().find(|cell| Some(cell.revision) == newest && asked(cell));
    found.ok_or_else(|| "this file supports no revision or no credential mode at all".to_owned())
}

/// One target and the cell that is played on it.
struct Walk<'w> {
    target: &'w Target,
    program: &'w Program,
    cell: &'w Cell,
    options: &'w Options,
}

impl Walk<'_> {
    async fn through(&self, mut facts: Facts, tell: &mut dyn FnMut(Line)) -> Result<(), String> {
        let Self { target, program, cell, options } = *self;
        let recorder = Recorder::default();
        let (pace, wire, seed) = (Pace::Real(options.patience), Wire::Tcp, facts.seed);
        let (mut stage, addresses) = Stage::upstreams(recorder.clone(), &facts, &wire, pace, seed).await?;
        let declared = facts.clone();
        let provision = addresses.provision(&declared, &wire, &recorder, seed, 0);
        let room = Room::open(program, &provision).map_err(|trouble| words(&trouble))?;
        let Some((process, running)) = raise(&room, target, tell).await else { return Ok(()) };
        facts.keys.extend(running.keys.clone());
        stage.take(running);
        let took = Player::new(cell, &facts, &mut stage, &Front::Target(target.clone()), None).play().await;
        let farewell = room.into_guest(process, Kept::default());
        let (had, grace) = (farewell.process.is_some(), farewell.farewell.1);
        let stopped = farewell.leave().await;
        drop(stage);
        let trace = recorder.into_trace(facts);
        let lines = match target {
            Target::Server(file) => roles::lines(&trace, &took, file, options.destructive),
            _ => seen::lines(&trace, program.unsupported.get("authentication")),
        };
        lines.into_iter().for_each(&mut *tell);
        tell(farewell_line(stopped, had, grace));
        Ok(())
    }
}

/// Whether the process ended when it was asked to.
fn farewell_line(stopped: Option<Stopped>, had: bool, grace: Duration) -> Line {
    let step = "stop ends the process";
    match stopped {
        Some(Stopped::ByItself { status }) => Line::works(step, status),
        Some(Stopped::Killed) => Line::missing(
            step,
            format!(
                "it did not end within {} s and was killed\nsay `stop: {{ signal: int }}` in `start`, or allow more time",
                grace.as_secs_f32()
            ),
        ),
        None if had => Line::missing(step, "it could not be asked"),
        None => Line::not_asked(step, "it is somebody else's process"),
    }
}

/// From files to routes; `None` where something is missing that the rest needs.
async fn raise(room: &Room<'_>, target: &Target, tell: &mut dyn FnMut(Line)) -> Option<(Option<Process>, Running)> {
    let mut steps = Steps { room, tell };
    let names = |names: &Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    steps.told("files are written", room.write(), names)?;
    steps.told("commands before the start", room.prepare().await, |kept| format!("{} done", kept.done))?;
    let runs = |process: &Option<Process>| process.as_ref().map_or("it runs already", |_| "it runs").to_owned();
    let mut process = steps.told("the command starts", room.launch(), runs)?;
    steps.told("ready in time", room.ready(&mut process).await, |()| "it is".to_owned())?;
    let keys = match target {
        Target::Server(_) => BTreeMap::new(), // It has its own accounts, and is told about none.
        _ => {
            let kept = steps.told("two users are provisioned", room.provision(process.as_ref()).await, |kept| {
                let chosen = if kept.keys.is_empty() { "keys are ours" } else { "keys are the hub's" };
                format!("{} steps done; {chosen}", kept.done)
            })?;
            kept.keys
        }
    };
    let endpoints =
        steps.told("routes", room.endpoints(), |found| found.keys().cloned().collect::<Vec<_>>().join(", "))?;
    Some((process, Running { endpoints, keys, ..Running::default() }))
}

/// Tells each step as it is done.
struct Steps<'s> {
    room: &'s Room<'s>,
    tell: &'s mut dyn FnMut(Line),
}

impl Steps<'_> {
    /// What a step gave, told in the words of `seen`; `None` where something is missing.
    fn told<T>(&mut self, name: &str, done: Result<T, Trouble>, seen: impl FnOnce(&T) -> String) -> Option<T> {
        let line = match &done {
            Ok(given) => Line::works(name, self.room.plain(&seen(given))),
            Err(trouble) => Line::missing(name, self.room.plain(&words(trouble))),
        };
        (self.tell)(line);
        done.ok()
    }
}

fn words(trouble: &Trouble) -> String {
    render(trouble, Style { color: false, unicode: true })
}
