//! Which check killed which defect.

use std::io::{self, Write};

use crate::mutants::{Fate, Mutant};

/// Writes the kill matrix and its last line.
///
/// # Errors
/// What writing says.
pub fn write(out: &mut impl Write, mutants: &[Mutant]) -> io::Result<()> {
    let width = |of: fn(&Mutant) -> usize, least: usize| mutants.iter().map(of).max().unwrap_or(least).max(least);
    let (name, class) = (width(|m| m.defect.name.len(), 6), width(|m| m.defect.class.len(), 5));
    writeln!(out, "  {:<name$}  {:<class$}  killed by", "defect", "class")?;
    for mutant in mutants {
        let by = match &mutant.fate {
            Fate::Killed { scenario, cell, oracle, .. } => format!("{scenario} [{cell}] {oracle}"),
            Fate::Equivalent => "equivalent".to_owned(),
            Fate::Survived => "SURVIVED".to_owned(),
        };
        writeln!(out, "  {:<name$}  {:<class$}  {by}", mutant.defect.name, mutant.defect.class)?;
    }
    let equivalent: Vec<&Mutant> = mutants.iter().filter(|mutant| mutant.fate == Fate::Equivalent).collect();
    if !equivalent.is_empty() {
        writeln!(out, "\n  Equivalent, with the proof:")?;
    }
    for mutant in &equivalent {
        writeln!(out, "    {}: {}", mutant.defect.name, mutant.defect.equivalent.unwrap_or_default())?;
    }
    let survived: Vec<&Mutant> = mutants.iter().filter(|mutant| mutant.fate == Fate::Survived).collect();
    for mutant in &survived {
        writeln!(out, "\n  No check saw {}: {}", mutant.defect.name, mutant.defect.summary)?;
    }
    let killed = mutants.len() - equivalent.len() - survived.len();
    writeln!(out, "\nmutants: {killed} killed, {} equivalent, {} survived", equivalent.len(), survived.len())
}
