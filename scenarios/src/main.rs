//! `crosstalk`: plays scenarios against an MCP hub and judges what crossed.

use std::process::ExitCode;

use clap::Parser;
use scenarios::cli;

fn main() -> ExitCode {
    ExitCode::from(cli::run(cli::Cli::parse()))
}
