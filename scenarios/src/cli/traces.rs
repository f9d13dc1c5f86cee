//! Traces written to files: one NDJSON file for each cell, the declared facts first.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use serde_json::json;

use crate::run::CellReport;

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
    let mut out = BufWriter::new(File::create(&file).map_err(named)?);
    writeln!(out, "{}", json!({ "facts": trace.facts })).map_err(named)?;
    for event in &trace.events {
        writeln!(out, "{}", json!(event)).map_err(named)?;
    }
    out.flush().map_err(named)
}
