//! `crosstalk explore`: a search for failing programs, told while it goes, and the file of what it found.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    num::NonZeroUsize,
    ops::{ControlFlow, RangeInclusive},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use clap::Args;

use super::{
    args::Color,
    commands::{Stop, interrupt, style, workers},
    patient::Patient,
};
use crate::{
    explore::{Found, Heading, Search, Searched, Smaller, Stage, Written, blame, program::NAMES, shrink},
    report::{failure, group::Failing, tally::exit},
    run::{CellReport, Verdict, cell::Control},
    scenario::lower,
};

/// How long is searched where no bound is given.
const WHILE: Duration = Duration::from_secs(60);
/// How often a search that nobody watches says that it goes on; on a terminal, the same line is written anew.
const NEWS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_millis(250));

/// How to explore.
#[derive(Debug, Clone, Args)]
pub struct ExploreArgs {
    /// No more programs than these.
    #[arg(long, value_name = "N")]
    cases: Option<u64>,
    /// No new program after this time: 90s, 2m. Where neither bound is given, 60s.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    /// Decides all programs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Preset or defect of the reference hub, as for `run`.
    #[arg(long, value_name = "NAME")]
    isolation: Option<String>,
    /// Where to write the scenario file of a program that failed.
    #[arg(long, value_name = "DIR", default_value = "target/crosstalk")]
    out: PathBuf,
    /// How many users a program has: 2..8, or one number.
    #[arg(long, value_name = "N..M", default_value = "2..8", value_parser = users)]
    users: RangeInclusive<usize>,
    /// Programs side by side.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Colors.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    lower::duration(text).ok_or_else(|| "write a number and a unit: 90s, 2m, 1h".to_owned())
}

fn users(text: &str) -> Result<RangeInclusive<usize>, String> {
    let most = NAMES.len();
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    match (first.parse(), last.trim_start_matches('=').parse()) {
        (Ok(first), Ok(last)) if (1..=most).contains(&first) && (first..=most).contains(&last) => Ok(first..=last),
        _ => Err(format!("write a number from 1 to {most}, or two of them: 2..8")),
    }
}

/// Searches, shrinks what failed, writes its file; the exit code.
pub(super) fn explore(args: &ExploreArgs) -> Result<u8, Stop> {
    let time = args.time.or_else(|| args.cases.is_none().then_some(WHILE));
    let search =
        Search { seed: args.seed, users: args.users.clone(), cases: args.cases, time, workers: workers(args.workers) };
    let stage = Stage::new(args.isolation.as_deref()).map_err(Stop::usage)?;
    let interrupted = interrupt()?;
    let mut out = Patient::new(io::stdout().lock());
    let target = args.isolation.as_deref().unwrap_or("strict");
    writeln!(out, "conformance {}   target reference hub, {target}   seed {}", env!("CARGO_PKG_VERSION"), args.seed)?;
    writeln!(out, "   Plan  {}\n", planned(&search))?;
    let mut news = News::begin();
    let searched = search.run(&stage, |programs| {
        let told = news.tell(&mut out, programs);
        if told.is_err() || interrupted.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    news.end(&mut out)?;
    match searched {
        Searched::Nothing { programs } => {
            writeln!(out, "explore: {programs} programs, 0 failed")?;
            if interrupted.load(Ordering::Relaxed) {
                return Err(Stop(exit::INTERRUPTED, "interrupted: no more programs were played than these".into()));
            }
            Ok(if programs == 0 { exit::INCOMPLETE } else { exit::PASSED })
        }
        Searched::Broken(reason) => Err(Stop(exit::HARNESS, format!("crosstalk: {reason}"))),
        Searched::Failed(found) => tell_failure(args, &search, &stage, &found, &mut out),
    }
}

fn planned(search: &Search) -> String {
    let users = match (search.users.start(), search.users.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first} to {last}"),
    };
    let cases = search.cases.map(|cases| format!("{cases} programs"));
    let time = search.time.map(|time| format!("{} s", time.as_secs_f64()));
    let bounds: Vec<String> = cases.into_iter().chain(time).collect();
    format!("programs of {users} users, {}", bounds.join(" or "))
}

/// What a search says of itself while it goes.
struct News {
    began: Instant,
    told: Instant,
    terminal: bool,
    programs: u64,
}

impl News {
    fn begin() -> Self {
        let now = Instant::now();
        Self { began: now, told: now, terminal: io::stdout().is_terminal(), programs: 0 }
    }

    fn tell(&mut self, out: &mut impl Write, programs: u64) -> io::Result<()> {
        self.programs = programs;
        let pause = if self.terminal { NEWS.1 } else { NEWS.0 };
        if self.told.elapsed() < pause {
            return Ok(());
        }
        self.told = Instant::now();
        let (start, end) = if self.terminal { ("\r", "") } else { ("", "\n") };
        write!(out, "{start}  explored  {programs:>7} programs   {:>4} s{end}", self.began.elapsed().as_secs())?;
        out.flush()
    }

    fn end(&self, out: &mut impl Write) -> io::Result<()> {
        if self.terminal { write!(out, "\r{:<50}\r", "") } else { Ok(()) }
    }
}

fn tell_failure(
    args: &ExploreArgs,
    search: &Search,
    stage: &Stage,
    found: &Found,
    out: &mut impl Write,
) -> Result<u8, Stop> {
    let programs = found.number + 1;
    writeln!(out, "   Found  program {}, {} steps: {}", found.number, found.written.steps, headline(&found.report))?;
    let mut trouble = None;
    let smallest = shrink(search, stage, found, |smaller| {
        let Written { steps, text, .. } = &smaller.written;
        let line = format!("  shrunk  {steps:>3} steps {:>5} bytes   {}", text.len(), headline(&smaller.report));
        trouble = writeln!(out, "{line}").and_then(|()| out.flush()).err().or(trouble.take());
    });
    if let Some(error) = trouble {
        return Err(error.into());
    }
    let written = finished(search, found, &smallest);
    // With control runs: what a user does not get alone and through no hub either is the suite's own fault.
    let report = stage
        .play(&written, Control::EveryUser)
        .map_err(|reason| Stop(exit::HARNESS, format!("crosstalk: {reason}")))?;
    let file = save(&args.out, &written)?;
    let mut failing = Failing::of(&report);
    failing.add(&report);
    let isolation = args.isolation.as_ref().map(|name| format!(" --isolation {name}")).unwrap_or_default();
    let again = format!("run {}{isolation}", file.display());
    failure::whole(out, &failing, style(args.color), &again)?;
    writeln!(out, "   file    {}", file.display())?;
    writeln!(out, "\nexplore: {programs} programs, 1 failed")?;
    Ok(match report.verdict {
        Verdict::Fail { .. } => exit::FAILED,
        _ => exit::HARNESS,
    })
}

/// What is said of a failing program in a line.
fn headline(report: &CellReport) -> String {
    match &report.verdict {
        Verdict::Fail { findings } => findings.first().map(|finding| finding.headline.clone()).unwrap_or_default(),
        Verdict::NotApplicable { reason }
        | Verdict::NotObserved { reason }
        | Verdict::CouldNotRun { reason }
        | Verdict::Harness { reason } => reason.clone(),
        Verdict::Pass | Verdict::Warn { .. } => report.verdict.word().to_owned(),
    }
}

/// The smallest program as a file that says what it shows.
fn finished(search: &Search, found: &Found, smallest: &Smaller) -> Written {
    let findings = smallest.report.verdict.findings();
    let headline = headline(&smallest.report);
    let users = format!("{}..{}", search.users.start(), search.users.end());
    let heading = Heading {
        name: search.name(found.number),
        comment: vec![
            format!("Program {} of `crosstalk explore --seed {} --users {users}`,", found.number, search.seed),
            format!("shrunk from {} steps to {}. It showed: {headline}.", found.written.steps, smallest.written.steps),
        ],
        title: "Each of these users gets what is their own, and nothing else".to_owned(),
        bugs: blame::bugs(&smallest.report.scenario, findings),
    };
    Written::new(&smallest.program, &heading)
}

fn save(folder: &Path, written: &Written) -> Result<PathBuf, Stop> {
    let file = folder.join(format!("{}.yaml", written.id));
    let failed = |error: io::Error| Stop::usage(format!("{}: {error}", file.display()));
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(&file, &written.text).map_err(failed)?;
    Ok(file)
}
