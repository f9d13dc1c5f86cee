//! `crosstalk`: plays scenarios against an MCP hub and judges what crossed.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use scenarios::cli;

/// A cell is made of small pieces of memory, from the first byte that is sent to the last finding: that is what this one
/// is for.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(cli::run(cli::Cli::parse()))
}
