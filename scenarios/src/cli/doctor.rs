//! `crosstalk doctor`: a line for each step, and the sum.

use std::io::{self, Write};

use super::commands::{Stop, told};
use crate::{
    doctor,
    report::tally::exit,
    run::Options,
    target::{Target, kind::Unusable},
};

/// Walks through a target file.
pub(super) fn run(path: &std::path::Path, options: &Options) -> Result<u8, Stop> {
    let mut out = io::stdout().lock();
    let target = match Target::load(path) {
        Ok(target) => target,
        Err(Unusable::Unread(message)) => return Err(Stop::usage(message)),
        Err(Unusable::Invalid(problems)) => {
            writeln!(out, "  MISSING  the file is valid\n")?;
            out.flush()?;
            return Err(Stop(exit::INVALID, told(&problems)));
        }
    };
    writeln!(out, "doctor: {}\n", target.title())?;
    writeln!(out, "{}", doctor::Line::works("the file is valid", path.display().to_string()))?;
    let mut missing = 0;
    let mut broken = None;
    let fine = doctor::walk(&target, options, &mut |line| {
        missing += usize::from(line.is_missing());
        broken = writeln!(out, "{line}").err().or(broken.take());
    });
    if let Some(error) = broken {
        return Err(error.into());
    }
    let fine = fine.map_err(|error| Stop(exit::HARNESS, format!("crosstalk: {error}")))?;
    writeln!(out, "\ndoctor: {}", if fine { "nothing is missing".to_owned() } else { format!("{missing} missing") })?;
    Ok(if fine { exit::PASSED } else { exit::INCOMPLETE })
}
