//! What is done for each command.

use std::{
    env, fmt, fs,
    io::{self, IsTerminal, Write},
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{
    args::{Chosen, Cli, Color, Command, ListArgs, ModeArg, MutantArgs, RunArgs},
    doctor,
    patient::Patient,
    traces,
};
use crate::{
    coverage,
    diagnostics::{Diagnostic, Style, render_all},
    engine::pace,
    library::Library,
    mutants::{self, Fate},
    registry::Registry,
    report::{
        findings::Findings,
        matrix,
        tally::exit,
        terminal::{Head, Terminal},
    },
    run::{self, Mode, Options, options::Destructive},
    scenario::{grammar, model::Scenario},
    select::{self, select},
    target::{Target, children, kind::Unusable, process},
};

/// Why a command ends early: exit code, and what is said on standard error.
pub(super) struct Stop(pub(super) u8, pub(super) String);

impl Stop {
    /// The command line, or a file that it names, cannot be followed.
    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self(exit::USAGE, format!("crosstalk: {message}"))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        // Whoever read our output has seen enough.
        let code = if error.kind() == io::ErrorKind::BrokenPipe { exit::PASSED } else { exit::USAGE };
        Self(code, if code == exit::PASSED { String::new() } else { error.to_string() })
    }
}

/// Does what the command line says and gives the exit code.
pub fn run(cli: Cli) -> u8 {
    let done = match cli.command {
        None => play(&cli.run),
        Some(Command::Run(args)) => play(&args),
        Some(Command::List(args)) => list(&args),
        Some(Command::Check { paths }) => check(&paths),
        Some(Command::Schema) => schema(),
        Some(Command::Mutants(args)) => hunt(&args),
        Some(Command::Doctor { target, patience, allow_destructive }) => {
            let options = Options { patience, destructive: destructive(allow_destructive), ..Options::default() };
            interrupt().and_then(|_| doctor::run(&target, &options))
        }
        Some(Command::Explore(args)) => super::explore::explore(&args),
        Some(Command::Observe(args)) => super::observe::observe(&args),
        Some(Command::Judge(args)) => super::judge::judge(&args),
        Some(Command::Puppet { address }) => puppet(&address),
    };
    match done {
        Ok(code) => code,
        Err(Stop(code, message)) => {
            say(&message);
            code
        }
    }
}

fn puppet(address: &str) -> Result<u8, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let played = runtime.block_on(children::puppet(address));
    runtime.shutdown_background(); // Whoever reads standard input is never told that it need not.
    played.map(|()| exit::PASSED).map_err(Stop::usage)
}

#[expect(clippy::print_stderr, reason = "standard error is where a person reads")]
fn say(message: &str) {
    if !message.is_empty() {
        eprintln!("{message}");
    }
}

pub(super) fn style(color: Color) -> Style {
    let terminal = io::stdout().is_terminal();
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && env::var_os("NO_COLOR").is_none(),
    };
    let ascii =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    let ascii = ascii.is_some_and(|locale| matches!(locale.as_str(), "C" | "POSIX"));
    Style { color, unicode: !ascii }
}

/// Loads and selects; whatever is wrong with a file stops everything.
fn scenarios(chosen: &Chosen) -> Result<Vec<Arc<Scenario>>, Stop> {
    let registry = Registry::embedded();
    let mut library = match &chosen.cases {
        Some(path) => from_path(path, &registry)?,
        None => Library::embedded(&registry),
    };
    for file in chosen.selection.iter().filter_map(|word| select::file(word)).filter(|file| file.is_file()) {
        library.replace(from_path(file, &registry)?);
    }
    if !library.problems.is_empty() {
        return Err(Stop(exit::INVALID, told(&library.problems)));
    }
    select(&library.scenarios, &chosen.selection).map_err(Stop::usage)
}

fn from_path(path: &Path, registry: &Registry) -> Result<Library, Stop> {
    Library::from_path(path, registry).map_err(Stop::usage)
}

pub(super) fn told(problems: &[Diagnostic]) -> String {
    let style = Style { color: io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none(), ..style(Color::Never) };
    format!("{}\n\n{} problems; nothing was run", render_all(problems, style), problems.len())
}

pub(super) fn workers(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// What is judged. An isolation that does not exist is told before anything is written.
fn target(args: &RunArgs) -> Result<Target, Stop> {
    let Some(path) = &args.target else {
        return Target::reference(args.isolation.as_deref()).map_err(Stop::usage);
    };
    if args.mode == Some(ModeArg::InProcess) {
        return Err(Stop::usage("the target of a file is reached over sockets; leave `--mode` out"));
    }
    Target::load(path).map_err(|unusable| match unusable {
        Unusable::Unread(message) => Stop::usage(message),
        Unusable::Invalid(problems) => Stop(exit::INVALID, told(&problems)),
    })
}

fn mode(args: &RunArgs) -> Mode {
    match args.mode {
        Some(mode) => mode.into(),
        None if args.target.is_some() => Mode::Socket,
        None => Mode::InProcess,
    }
}

fn play(args: &RunArgs) -> Result<u8, Stop> {
    let mut scenarios = scenarios(&args.chosen)?;
    let target = target(args)?;
    if args.chosen.selection.is_empty() {
        scenarios.retain(|scenario| target.plays(scenario));
    }
    let options = |seed| Options {
        target: target.clone(),
        seed,
        mode: mode(args),
        workers: workers(args.workers),
        patience: args.patience,
        destructive: destructive(args.allow_destructive),
    };
    let last = u64::try_from(args.repeat.get() - 1).ok().and_then(|more| args.seed.checked_add(more));
    let Some(last) = last else {
        return Err(Stop::usage(format!("no {} seeds come after {}", args.repeat, args.seed)));
    };
    let plan = |options: &Options| {
        let mut cells = run::plan(&scenarios, options);
        cells.retain(|cell| args.revision.is_empty() || args.revision.contains(&cell.revision));
        cells
    };
    let cells = plan(&options(args.seed)).len();
    let mut found = Findings::default();
    let head = Head {
        target: target.title().to_owned(),
        unpromised: target.promises().missing(),
        flags: flags(args),
        seed: args.seed,
        seeds: args.repeat.get(),
        planned: (scenarios.len(), cells * args.repeat.get()),
    };
    let interrupted = interrupt()?;
    let mut terminal = Terminal::begin(Patient::new(io::stdout().lock()), style(args.color), head)?;
    let mut trouble = None;
    for seed in args.seed..=last {
        let options = options(seed);
        run::play(&plan(&options), &options, |report| {
            found.add(&report);
            let written = args.traces.as_ref().map_or(Ok(()), |folder| traces::write(folder, &report));
            trouble = written.and_then(|()| terminal.tell(&report)).err();
            if trouble.is_some() || interrupted.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if let Some(error) = trouble {
            return Err(error.into());
        }
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
        terminal.end_seed(seed)?;
    }
    let tally = terminal.end()?;
    if let Some(file) = &args.findings {
        fs::write(file, found.to_string()).map_err(|error| Stop::usage(format!("{}: {error}", file.display())))?;
    }
    if interrupted.load(Ordering::Relaxed) {
        return Err(Stop(exit::INTERRUPTED, "interrupted: the counts are those of the cells that were done".into()));
    }
    Ok(tally.exit())
}

fn destructive(allowed: bool) -> Destructive {
    if allowed { Destructive::Allowed } else { Destructive::Spared }
}

/// The flags that make the same run again, but for the seed: that is the failing cell's.
fn flags(args: &RunArgs) -> String {
    let mut flags = String::new();
    if let Some(isolation) = &args.isolation {
        flags.push_str(&format!(" --isolation {isolation}"));
    }
    if let Some(target) = &args.target {
        flags.push_str(&format!(" --target {}", target.display()));
    } else if mode(args) == Mode::Socket {
        flags.push_str(" --mode socket");
    }
    if args.patience != pace::PATIENCE {
        flags.push_str(&format!(" --patience {}ms", args.patience.as_millis()));
    }
    if args.allow_destructive {
        flags.push_str(" --allow-destructive");
    }
    for revision in &args.revision {
        flags.push_str(&format!(" --revision {revision}"));
    }
    if let Some(cases) = &args.chosen.cases {
        flags.push_str(&format!(" --cases {}", cases.display()));
    }
    flags
}

/// A flag that SIGINT raises, so that a run ends with its sum. A second SIGINT, or SIGTERM, ends it at once, and with
/// it every process of a target.
pub(super) fn interrupt() -> Result<Arc<AtomicBool>, Stop> {
    let raised = Arc::new(AtomicBool::new(false));
    let failed = |error: io::Error| Stop::usage(format!("no signal handler: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let flag = raised.clone();
    thread::spawn(move || {
        for signal in &mut signals {
            if signal == SIGTERM || flag.swap(true, Ordering::Relaxed) {
                process::end_all();
                std::process::exit(exit::INTERRUPTED.into());
            }
        }
    });
    Ok(raised)
}

fn list(args: &ListArgs) -> Result<u8, Stop> {
    let scenarios = scenarios(&args.chosen)?;
    let mut out = io::stdout().lock();
    if args.classes {
        return classes(&scenarios, out);
    }
    let width = scenarios.iter().map(|scenario| scenario.id.value.len()).max().unwrap_or_default();
    let (mut of_hubs, mut of_servers) = ((0, 0), (0, 0));
    for scenario in &scenarios {
        let cells = run::plan(std::slice::from_ref(scenario), &Options::default()).len();
        let total = if scenario.is_for_servers() { &mut of_servers } else { &mut of_hubs };
        *total = (total.0 + 1, total.1 + cells);
        writeln!(out, "{:<width$}  {cells:>3} cells  {}", scenario.id.value, scenario.title)?;
        if args.bugs {
            let bugs: Vec<&str> = scenario.bugs.iter().map(|bug| bug.value.as_str()).collect();
            writeln!(out, "{:<width$}             {}", "", bugs.join(", "))?;
        }
    }
    let sum = |(scenarios, cells): (usize, usize)| format!("{scenarios} scenarios, {cells} cells");
    match (of_hubs, of_servers) {
        (hubs, (0, _)) => writeln!(out, "\n{}", sum(hubs))?,
        ((0, _), servers) => writeln!(out, "\n{} for servers", sum(servers))?,
        (hubs, servers) => writeln!(out, "\n{}; for servers {}", sum(hubs), sum(servers))?,
    }
    Ok(exit::PASSED)
}

fn classes(scenarios: &[Arc<Scenario>], mut out: impl Write) -> Result<u8, Stop> {
    let registry = Registry::embedded();
    let rows = coverage::rows(&registry, scenarios);
    for row in &rows {
        writeln!(out, "{}: {}", row.class, row.bug.title)?;
        for (names, what) in [(&row.scenarios.join(", "), "scenarios"), (&row.defects.join(", "), "defects")] {
            writeln!(out, "    {what:<9}  {}", if names.is_empty() { "none" } else { names })?;
        }
    }
    writeln!(out, "\n{}", coverage::summary(&rows))?;
    Ok(exit::PASSED)
}

fn check(paths: &[PathBuf]) -> Result<u8, Stop> {
    let registry = Registry::embedded();
    let mut libraries = Vec::new();
    if paths.is_empty() {
        libraries.push(Library::embedded(&registry));
    }
    for path in paths {
        libraries.push(from_path(path, &registry)?);
    }
    let problems: Vec<Diagnostic> = libraries.iter().flat_map(|library| library.problems.clone()).collect();
    if !problems.is_empty() {
        return Err(Stop(exit::INVALID, told(&problems)));
    }
    let count: usize = libraries.iter().map(|library| library.scenarios.len()).sum();
    if count == 0 {
        return Err(Stop::usage("no scenario file there"));
    }
    writeln!(io::stdout(), "{count} scenarios: fine")?;
    Ok(exit::PASSED)
}

fn schema() -> Result<u8, Stop> {
    writeln!(io::stdout(), "{:#}", grammar::schema())?;
    Ok(exit::PASSED)
}

fn hunt(args: &MutantArgs) -> Result<u8, Stop> {
    let mut scenarios = scenarios(&args.chosen)?;
    scenarios.retain(|scenario| !scenario.is_for_servers());
    let options = Options { seed: args.seed, workers: workers(None), ..Options::default() };
    let mut broken = None;
    run::play(&run::plan(&scenarios, &options), &options, |report| match report.verdict.word() {
        "pass" | "not-applicable" => ControlFlow::Continue(()),
        word => {
            broken =
                Some(format!("the strict hub must pass first: {} [{}] {word}", report.scenario.id.value, report.cell));
            ControlFlow::Break(())
        }
    });
    if let Some(message) = broken {
        return Err(Stop(exit::FAILED, message));
    }
    let hunted = mutants::hunt(&scenarios, &options, |_| ControlFlow::Continue(())).map_err(Stop::usage)?;
    matrix::write(&mut Patient::new(io::stdout().lock()), &hunted)?;
    let survived = hunted.iter().any(|mutant| mutant.fate == Fate::Survived);
    Ok(if survived { exit::FAILED } else { exit::PASSED })
}
