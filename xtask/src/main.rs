//! The project's own tasks: `cargo xtask conformance | mutants | official | clients | bench | demo | test | readme | tidy`.
//!
//! - [`suite`]: the suite, built and called. [`demo`]: a hub, two fakes and two ready users.
//! - [`mod@test`]: everything that CI runs. [`peers`]: clients of other people, through the hub.
//!   [`targets`]: hubs that target files describe; [`servers`]: servers without a hub.
//! - [`official`]: the official suite, at our fake, through our hub, and through a leaking one.
//! - [`processes`], [`npm`]: servers and packages that tasks need.
//! - [`mod@bench`]: what the hub costs, measured.
//! - [`readme`]: the blocks of the README that are output. [`tidy`]: what no compiler checks.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task tells a person what it does")]

mod bench;
mod demo;
mod npm;
mod official;
mod peers;
mod processes;
mod readme;
mod servers;
mod suite;
mod targets;
mod test;
mod tidy;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// The project's own tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs the suite against the reference hub; everything behind it goes to `crosstalk`.
    #[command(disable_help_flag = true)]
    Conformance {
        /// Selection and flags of `crosstalk`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Shows that every check can fail: the suite against every defect of the hub.
    #[command(disable_help_flag = true)]
    Mutants {
        /// Selection and flags of `crosstalk mutants`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Runs the official MCP conformance suite at the fake `lab`, through the hub, and through a hub that leaks.
    Official {
        /// Writes the table into the README.
        #[arg(long)]
        write: bool,
    },
    /// What the official suite starts as a client: a hub in front of its server, and a client that goes there.
    #[command(hide = true)]
    OfficialClient {
        /// In which era the client speaks.
        era: String,
        /// In which era the suite's server does.
        server: String,
        /// The suite's server.
        url: String,
    },
    /// Measures what the hub costs, a few minutes long, and writes it into the README.
    Bench {
        /// Fewer rounds: enough to see whether something is very wrong.
        #[arg(long)]
        quick: bool,
    },
    /// Starts a hub with two fakes and two ready users, until it is interrupted.
    Demo {
        /// Port of the hub on 127.0.0.1.
        #[arg(long, default_value_t = demo::PORT)]
        port: u16,
    },
    /// Lets clients of other people do everything that a client does, through the hub, as two users at once.
    Clients {
        /// One of them alone, for example `typescript`.
        name: Option<String>,
    },
    /// Runs all tests: unit tests, black-box tests, the suite in every mode, other people's clients.
    Test {
        /// Only the parts whose names contain this, for example `fastmcp`.
        part: Option<String>,
    },
    /// Writes the README's blocks of output anew.
    Readme {
        /// Only says whether they are as they should be.
        #[arg(long)]
        check: bool,
    },
    /// Checks what no compiler checks: imports, lengths, module docs, lint waivers, words.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Conformance { args } => suite::pass_through(&args),
        Task::Mutants { args } => suite::pass_through(&[vec!["mutants".to_owned()], args].concat()),
        Task::Official { write } => official::run(write),
        Task::OfficialClient { era, server, url } => official::drive(&era, &server, &url),
        Task::Bench { quick } => bench::run(quick).map(|()| 0),
        Task::Demo { port } => demo::run(port).map(|()| 0),
        Task::Clients { name } => peers::try_all(name.as_deref()).map(|()| 0),
        Task::Test { part } => test::run(part.as_deref()),
        Task::Readme { check } => readme::run(check).map(u8::from),
        Task::Tidy => tidy::run(&root()).map(u8::from),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// The workspace's root.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
