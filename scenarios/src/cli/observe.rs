//! `crosstalk observe`: taps in real traffic until somebody has seen enough, then what there is to say.

use std::{
    env, fs,
    future::Future,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgGroup, Args};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

use super::{
    commands::{Stop, told},
    explore::time,
    judge,
    patient::Patient,
};
use crate::{
    observe::{live::Taps, load, plan::Plan, seen::Side},
    report::tally::exit,
    scenario::source::Source,
};

/// How to observe.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("where").required(true).args(["config", "hub"])))]
pub struct ObserveArgs {
    /// Where everything is, and who is who: docs/observe.md.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Instead of a file: where the hub is.
    #[arg(long, value_name = "URL", requires = "upstream")]
    hub: Option<String>,
    /// Instead of a file: an upstream before which a tap is to stand.
    #[arg(long, value_name = "NAME=URL", conflicts_with = "config", value_parser = upstream)]
    upstream: Vec<(String, String)>,
    /// Where what passes is written, secrets hidden. The file must not be there yet.
    #[arg(long, value_name = "FILE", default_value = "observed.ndjson")]
    out: PathBuf,
    /// Ends by itself after this time: 90s, 5m. Ctrl-C ends it at any time.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    /// What is judged, and how it is told.
    #[command(flatten)]
    telling: judge::Telling,
}

fn upstream(text: &str) -> Result<(String, String), String> {
    let named = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, url) = named.ok_or("write a name and a URL: db=http://127.0.0.1:9001")?;
    Ok((name.to_owned(), url.to_owned()))
}

/// Observes, then judges; the exit code.
pub(super) fn observe(args: &ObserveArgs) -> Result<u8, Stop> {
    let source = match &args.config {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| named(path, &error))?;
            Source { path: path.display().to_string().into(), text: text.into() }
        }
        None => spoken(args),
    };
    args.telling.check()?;
    let plan = load::load(&source, &|name| env::var(name).ok()).map_err(|found| Stop(exit::INVALID, told(&found)))?;
    if args.out.exists() {
        let file = args.out.display();
        return Err(Stop::usage(format!("{file} is there already; move it away, or name another with `--out`")));
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(args, &plan))?;
    judge::file(&args.out, &args.telling)
}

async fn watch(args: &ObserveArgs, plan: &Plan) -> Result<(), Stop> {
    // Before anything is said: whoever reads it may end this at once.
    let stop = stop(args.time)?;
    let taps = Taps::raise(plan).await.map_err(Stop::usage)?;
    greet(&mut Patient::new(io::stdout().lock()), &taps, &args.out)?;
    taps.record(plan, &args.out, stop).await.map_err(|error| named(&args.out, &error))
}

fn greet(out: &mut impl Write, taps: &Taps, file: &Path) -> io::Result<()> {
    writeln!(out, "observe {}   recording into {}\n", env!("CARGO_PKG_VERSION"), file.display())?;
    for tap in &taps.raised {
        let (whom, name) = match &tap.side {
            Side::Client => ("Clients", "the hub"),
            Side::Upstream(name) => ("    Hub", name.as_str()),
        };
        writeln!(out, "{whom}  reach {name} at {}   instead of {}", tap.url, tap.instead_of)?;
    }
    writeln!(out, "\n  until  Ctrl-C")?;
    out.flush()
}

/// Resolves at SIGINT or SIGTERM, or when the time is over.
fn stop(time: Option<Duration>) -> Result<impl Future<Output = ()>, Stop> {
    let failed = |error: io::Error| Stop::usage(format!("no signal handler: {error}"));
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        let over = async {
            match time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            () = over => {}
        }
    })
}

/// What flags say, as a file would say it: it is checked and told in the same way.
fn spoken(args: &ObserveArgs) -> Source {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = format!("hub: {}\nupstreams:\n", quoted(args.hub.as_deref().unwrap_or_default()));
    for (name, url) in &args.upstream {
        text.push_str(&format!("  {}: {}\n", quoted(name), quoted(url)));
    }
    Source { path: "the command line".into(), text: text.into() }
}

fn named(path: &Path, error: &io::Error) -> Stop {
    Stop::usage(format!("{}: {error}", path.display()))
}
