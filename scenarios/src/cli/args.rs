//! What can be said on the command line.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{explore::ExploreArgs, judge::JudgeArgs, observe::ObserveArgs};
use crate::{
    run::Mode,
    scenario::{lower, model::Revision},
    target::children::PUPPET,
};

/// Proves that an MCP hub keeps its users apart.
#[derive(Debug, Parser)]
#[command(name = "crosstalk", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `run` where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// For `run` without its name.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plays scenarios and judges what crossed.
    Run(RunArgs),
    /// Lists scenarios.
    List(ListArgs),
    /// Reads scenario files and says what is wrong with them.
    Check {
        /// Files or folders; the built-in scenarios where none is named.
        paths: Vec<PathBuf>,
    },
    /// Prints the JSON Schema of scenario files.
    Schema,
    /// Walks through a target file step by step and says what is missing.
    Doctor {
        /// The target file.
        #[arg(long, value_name = "FILE")]
        target: PathBuf,
        /// How long an answer may take.
        #[arg(long, value_name = "TIME", default_value = "20s", value_parser = patience)]
        patience: Duration,
        /// Plays roles of a server that change something for good.
        #[arg(long)]
        allow_destructive: bool,
    },
    /// Makes random programs of many users, plays them, and shrinks the first that fails to a scenario file.
    Explore(ExploreArgs),
    /// Puts taps into real traffic, records what passes, and judges it.
    Observe(ObserveArgs),
    /// Judges a recording of real traffic again.
    Judge(JudgeArgs),
    /// Is a child process of a run over sockets; nobody else has a use for it.
    #[command(name = PUPPET, hide = true)]
    Puppet {
        /// Where its strings are pulled.
        address: String,
    },
    /// Shows that every check can fail: runs against every defect of the reference hub.
    Mutants(MutantArgs),
}

/// Which scenarios.
#[derive(Debug, Clone, Args)]
pub struct Chosen {
    /// Ids, groups, globs or files; all where none is named.
    pub selection: Vec<String>,
    /// Reads scenarios from here instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub cases: Option<PathBuf>,
}

/// How to run.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Which scenarios.
    #[command(flatten)]
    pub chosen: Chosen,
    /// Preset (`mcphub-v2.1`) or defect (`upstream-sessions@process`, `without/same-refusal`) of the reference hub.
    #[arg(long, value_name = "NAME")]
    pub isolation: Option<String>,
    /// Judges the hub or the server that this file describes instead, over sockets: docs/targets.md, docs/servers.md.
    #[arg(long, value_name = "FILE", conflicts_with = "isolation")]
    pub target: Option<PathBuf>,
    /// Decides marks, secrets, sampled orders, chunk borders, answer forms and the hub's yields.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Over what kind of wire and clock: in-process where nothing is said, socket with `--target`.
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    /// Runs with this many seeds, from `--seed` on.
    #[arg(long, value_name = "N", default_value = "1")]
    pub repeat: NonZeroUsize,
    /// Cells side by side.
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Only in these protocol revisions.
    #[arg(long, value_name = "DATE", value_parser = revision)]
    pub revision: Vec<Revision>,
    /// Writes verdicts and findings of every scenario into this file, without anything that differs from run to run.
    #[arg(long, value_name = "FILE")]
    pub findings: Option<PathBuf>,
    /// How long an answer may take over sockets, for example 5s. It is only ever spent on a failure.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = patience)]
    pub patience: Duration,
    /// Plays roles of a server that change something for good (`destructive: true` in its target file).
    #[arg(long)]
    pub allow_destructive: bool,
    /// Writes the trace of every cell into this folder, NDJSON.
    #[arg(long, value_name = "DIR")]
    pub traces: Option<PathBuf>,
    /// Colors.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// How to list.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Which scenarios.
    #[command(flatten)]
    pub chosen: Chosen,
    /// With the bug classes that each can see.
    #[arg(long)]
    pub bugs: bool,
    /// The bug classes instead: which scenarios name each, and which defects of the reference hub are one.
    #[arg(long, conflicts_with = "bugs")]
    pub classes: bool,
}

/// How to hunt.
#[derive(Debug, Clone, Args)]
pub struct MutantArgs {
    /// Which scenarios.
    #[command(flatten)]
    pub chosen: Chosen,
    /// The seed of every run.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

fn revision(text: &str) -> Result<Revision, String> {
    let known = Revision::ALL.map(|revision| revision.to_string());
    let found = Revision::ALL.into_iter().find(|revision| revision.to_string() == text);
    found.ok_or_else(|| format!("there are {}", known.join(", ")))
}

fn patience(text: &str) -> Result<Duration, String> {
    let patience = lower::duration(text).filter(|patience| *patience >= Duration::from_millis(100));
    patience.ok_or_else(|| "write a number and a unit, at least 100ms: 500ms, 5s, 1m".to_owned())
}

/// Over what kind of wire and clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// Duplex pipes and a paused clock: one seed, one trace.
    InProcess,
    /// TCP on the loopback interface and the wall's clock.
    Socket,
}

/// Whether to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::InProcess => Self::InProcess,
            ModeArg::Socket => Self::Socket,
        }
    }
}
