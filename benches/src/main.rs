//! `measure`: everything measured, as one table; and the parties that it starts for that, which are this binary too.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::Context;
use axum::http::uri::Authority;
use benches::{
    estimates,
    memory::{self, Memory},
    parties::{load, proxy, upstream},
    process::{Servant, Server},
    relay::{self, Effort, Relayed},
    stage,
    table::{self, Measured},
};
use clap::{Parser, Subcommand};
use tokio::{net::TcpListener, runtime::Builder};

/// Long enough that quartiles mean something on a machine that others use too.
const THOROUGH: Effort = Effort { rounds: 60, calls: 1500 };
/// Long enough to see whether something is very wrong.
const QUICK: Effort = Effort { rounds: 15, calls: 800 };

/// Measures what the hub costs.
#[derive(Debug, Parser)]
#[command(name = "measure", version)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measures relay and memory, reads what criterion measured, and prints the table.
    Table {
        /// The hub's binary.
        #[arg(long, value_name = "FILE")]
        hub: PathBuf,
        /// Where criterion leaves its files.
        #[arg(long, value_name = "FOLDER")]
        criterion: PathBuf,
        /// Fewer rounds.
        #[arg(long)]
        quick: bool,
    },
    /// An upstream, until it is ended.
    Upstream,
    /// A proxy that only copies, until it is ended.
    Proxy {
        /// Host and port of the upstream.
        upstream: Authority,
    },
    /// A generator of load, which obeys standard input.
    Load {
        /// `name=url`.
        targets: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Task::Table { hub, criterion, quick } => print(&everything(&hub, &criterion, quick)?),
        Task::Upstream => serve(&mut Builder::new_current_thread(), upstream::serve),
        // As many threads as the hub has: one for each core.
        Task::Proxy { upstream } => {
            serve(&mut Builder::new_multi_thread(), |listener| proxy::serve(listener, upstream))
        }
        Task::Load { targets } => Builder::new_current_thread().enable_all().build()?.block_on(load::obey(&targets)),
    }
}

#[expect(clippy::print_stdout, reason = "the table is the output of this program")]
fn print(text: &str) -> anyhow::Result<()> {
    print!("{text}");
    Ok(())
}

#[expect(clippy::print_stderr, reason = "standard error is where a person reads")]
fn say(text: &str) {
    eprintln!("{text}");
}

fn serve<S>(runtime: &mut Builder, server: impl FnOnce(TcpListener) -> S) -> anyhow::Result<()>
where
    S: Future<Output = std::io::Result<()>>,
{
    runtime.enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        say(&format!("listening on http://{}", listener.local_addr()?));
        server(listener).await?;
        Ok(())
    })
}

fn everything(hub: &Path, criterion: &Path, quick: bool) -> anyhow::Result<String> {
    let (pool, codec) = (estimates::pool(criterion)?, estimates::codec(criterion)?);
    let upstream = Server::start("upstream", party()?.arg("upstream"))?;
    let config = env::temp_dir().join(format!("crosstalk-bench-{}.yaml", std::process::id()));
    let written = stage::configuration(&format!("{}/mcp", upstream.url));
    fs::write(&config, written.to_string()).with_context(|| config.display().to_string())?;
    let measured = measured(hub, &config, &upstream, if quick { QUICK } else { THOROUGH });
    fs::remove_file(&config)?;
    let (relayed, memory) = measured?;
    Ok(table::markdown(&Measured { machine: machine(), relayed, memory, pool, codec }))
}

fn measured(hub: &Path, config: &Path, upstream: &Server, effort: Effort) -> anyhow::Result<(Vec<Relayed>, Memory)> {
    let start = || {
        let mut command = Command::new(hub);
        Server::start("hub", command.args(["serve", "--config"]).arg(config).env("HUB_LOG", "warn"))
    };
    let authority = upstream.url.trim_start_matches("http://");
    let (serving, proxy) = (start()?, Server::start("proxy", party()?.args(["proxy", authority]))?);
    let target = |name: &str, url: &str, path: &str| format!("{name}={url}{path}");
    let route = format!("/mcp/{}", stage::SERVER);
    let targets = [
        target("upstream", &upstream.url, "/mcp"),
        target("hub", &serving.url, &route),
        target("proxy", &proxy.url, "/mcp"),
    ];
    say("measuring calls");
    let mut load = Servant::start("load", party()?.arg("load").args(targets))?;
    let relayed = relay::measure(&mut load, &serving, &proxy, effort)?;
    for Relayed { era, clients, ratio, .. } in &relayed {
        say(&format!("{clients} {} clients: {:.2} of the proxy's calls", era.name(), ratio.median));
    }
    drop((load, serving, proxy));
    say("measuring idle sessions");
    let fresh = start()?;
    let mut load = Servant::start("load", party()?.args(["load", &target("hub", &fresh.url, &route)]))?;
    Ok((relayed, memory::measure(&mut load, &fresh)?))
}

/// This binary again, as somebody else.
fn party() -> anyhow::Result<Command> {
    Ok(Command::new(env::current_exe().context("where this binary is")?))
}

fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let system = match env::consts::OS {
        "linux" => "Linux",
        other => other,
    };
    format!("{cores} cores, {system} {}, release build", env::consts::ARCH)
}
