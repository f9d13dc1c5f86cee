//! `hub`: serves, checks a configuration, hashes a key, prints the isolation page.
//!
//! Exit codes: 0 stopped or fine, 2 bad input, 3 could not run.

use std::{
    io::{self, Read, Write},
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    task::Poll,
    thread,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use futures_util::{Stream, StreamExt, stream};
use hub::{Config, Environment, Hub, HubError, Lanes, isolation::page};
use mimalloc::MiMalloc;
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, runtime::Builder, signal};
use tracing_subscriber::EnvFilter;

/// What a call needs is made and thrown away in many small pieces: that is what this one is for.
/// Measured: `docs/decisions/0011-measuring.md`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Shortest key that is accepted, in characters: what a person makes up is shorter.
const SHORTEST_KEY: usize = 12;

/// An MCP hub that keeps its users apart.
#[derive(Debug, Parser)]
#[command(name = "hub", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the servers of a configuration to its users.
    Serve(Serve),
    /// Reads a configuration and says what is wrong with it.
    Check {
        /// The configuration, YAML.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Reads a key from standard input and prints what belongs into `sha256:`.
    HashKey,
    /// Prints every table that users share, how narrow it is, and every rule.
    Isolation {
        /// As Markdown, which is the only form there is.
        #[arg(long)]
        markdown: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// The configuration, YAML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Threads that serve connections [default: one for each processor].
    #[arg(long, value_name = "NUMBER")]
    threads: Option<NonZero<usize>>,
    /// A deliberate defect, or several joined by `+`: to be judged, never to serve anybody.
    #[cfg(feature = "defects")]
    #[arg(long, value_name = "NAME", default_value = "strict", value_parser = hub::isolation::Isolation::from_name)]
    isolation: hub::isolation::Isolation,
}

impl Serve {
    fn hub(&self, config: Config) -> Result<Arc<Hub>, HubError> {
        let environment = Environment::system();
        #[cfg(feature = "defects")]
        return Hub::with_isolation(config, environment, self.isolation.clone());
        #[cfg(not(feature = "defects"))]
        Hub::new(config, environment)
    }
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("HUB_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    match Cli::parse().command {
        Command::Serve(serve) => match read(&serve.config) {
            Ok(config) => done(3, run(&serve, config)),
            Err(error) => done(2, Err(error)),
        },
        Command::Check { config } => done(
            2,
            read(&config).and_then(|config| {
                print(&format!("{} servers, {} users: fine", config.servers.len(), config.people.users.len()))
            }),
        ),
        Command::HashKey => done(2, hash_key()),
        Command::Isolation { .. } => done(3, print(page::markdown().trim_end())),
    }
}

fn read(path: &Path) -> anyhow::Result<Config> {
    Ok(Config::load(path)?)
}

#[expect(clippy::print_stderr, reason = "standard error is where a person reads")]
fn done(code: u8, outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hub: {error:#}");
            ExitCode::from(code)
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("writing to standard output")
}

fn hash_key() -> anyhow::Result<()> {
    let mut key = String::new();
    io::stdin().take(4096).read_to_string(&mut key).context("reading the key from standard input")?;
    let key = key.trim();
    anyhow::ensure!(
        key.len() >= SHORTEST_KEY,
        "a key has at least {SHORTEST_KEY} characters; make one with `openssl rand -hex 24`"
    );
    let digest: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    print(&digest)
}

fn run(serve: &Serve, config: Config) -> anyhow::Result<()> {
    let number = serve.threads.map_or_else(thread::available_parallelism, Ok).unwrap_or(NonZero::<usize>::MIN);
    let lanes = Lanes::start(number).context("starting the threads that serve")?;
    let runtime = Builder::new_current_thread().enable_all().build().context("starting the thread that listens")?;
    runtime.block_on(listen(serve, config, &lanes))
}

async fn listen(serve: &Serve, config: Config, lanes: &Lanes) -> anyhow::Result<()> {
    let listen = config.listen;
    let hub = serve.hub(config)?;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}; is the port in use? `listen: 127.0.0.1:0` takes a free one")
    })?;
    let changing = tokio::spawn(change_people(hangups(), serve.config.clone(), hub.clone()));
    announce(&listener)?;
    hub::serve_in(lanes, listener, hub, stop()).stopped().await;
    changing.abort();
    Ok(())
}

/// Every SIGHUP from now on; before, one would end the hub.
#[cfg(unix)]
fn hangups() -> impl Stream<Item = ()> + Unpin + Send {
    let listening = signal::unix::signal(signal::unix::SignalKind::hangup());
    if let Err(error) = &listening {
        tracing::warn!(%error, "users cannot be changed without a restart");
    }
    let mut listening = listening.ok();
    stream::poll_fn(move |context| match &mut listening {
        Some(listening) => listening.poll_recv(context),
        None => Poll::Ready(None),
    })
}

/// There is no such signal here.
#[cfg(not(unix))]
fn hangups() -> impl Stream<Item = ()> + Unpin + Send {
    stream::empty()
}

/// Reads the configuration again each time that it is asked to, for who may come. One that is not good changes nothing.
#[expect(clippy::print_stderr, reason = "standard error is where a person reads, whatever the log filter says")]
async fn change_people(mut asked: impl Stream<Item = ()> + Unpin, path: PathBuf, hub: Arc<Hub>) {
    while asked.next().await.is_some() {
        match read(&path) {
            Ok(config) => eprintln!("hub: {}", hub.change_people(config).await),
            Err(error) => eprintln!("hub: {error:#}\nhub: nothing was changed"),
        }
    }
}

#[expect(clippy::print_stderr, reason = "standard error is where a person reads, whatever the log filter says")]
fn announce(listener: &TcpListener) -> anyhow::Result<()> {
    eprintln!("hub: listening on http://{}", listener.local_addr()?);
    Ok(())
}

/// Resolves at SIGINT or SIGTERM.
async fn stop() {
    let interrupted = async {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminated) => tokio::select! {
                () = interrupted => {}
                _ = terminated.recv() => {}
            },
            Err(_) => interrupted.await,
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}
