//! Traces written to files, one for each cell.

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::Path,
};

use crate::{run::CellReport, trace::stored};

/// Writes a cell's trace into `folder`, where it has one.
///
/// # Errors
/// What the file system says, with the file.
pub(super) fn write(folder: &Path, report: &CellReport) -> io::Result<()> {
    let Some(trace) = &report.trace else { return Ok(()) };
    let name = format!("{} {} seed {}.ndjson", report.scenario.id.value, report.cell, report.seed);
    let file = folder.join(name.replace(['/', ' '], "-"));
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    fs::create_dir_all(folder).map_err(named)?;
    let out = BufWriter::new(File::create(&file).map_err(named)?);
    stored::write(trace, out).map_err(named)
}
