//! The scenario files: those inside the binary, or those of a folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    diagnostics::Diagnostic,
    registry::Registry,
    scenario::{self, model::Scenario, source::Source},
};

/// Files inside each other: groups are one level deep.
const DEEPEST: usize = 4;

// `FILES: &[(&str, &str)]`: path and text of every case, in alphabetical order.
include!(concat!(env!("OUT_DIR"), "/cases.rs"));

/// Loaded scenarios, and what is wrong with those that could not be loaded.
#[derive(Debug, Default)]
pub struct Library {
    /// In the order of their paths.
    pub scenarios: Vec<Arc<Scenario>>,
    /// In the order of their files.
    pub problems: Vec<Diagnostic>,
}

impl Library {
    /// The scenarios inside the binary.
    pub fn embedded(registry: &Registry) -> Self {
        Self::of(FILES.iter().map(|(path, text)| Source { path: (*path).into(), text: (*text).into() }), registry)
    }

    /// The scenarios of a folder, groups included, or of one file.
    ///
    /// # Errors
    /// What could not be read.
    pub fn from_path(path: &Path, registry: &Registry) -> io::Result<Self> {
        let mut sources = Vec::new();
        for file in files(path, DEEPEST)? {
            let text = fs::read_to_string(&file)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
            sources.push(Source { path: file.display().to_string().into(), text: text.into() });
        }
        Ok(Self::of(sources, registry))
    }

    /// Takes the scenarios of another library in, each in the place of one with its name.
    pub fn replace(&mut self, other: Self) {
        for scenario in other.scenarios {
            match self.scenarios.iter().position(|own| own.id.value == scenario.id.value) {
                Some(place) => self.scenarios[place] = scenario,
                None => self.scenarios.push(scenario),
            }
        }
        self.problems.extend(other.problems);
    }

    fn of(sources: impl IntoIterator<Item = Source>, registry: &Registry) -> Self {
        let mut library = Self::default();
        let mut taken: BTreeMap<String, Arc<str>> = BTreeMap::new();
        for source in sources {
            match scenario::load(&source, registry) {
                Err(problems) => library.problems.extend(problems),
                Ok(scenario) => {
                    if let Some(other) = taken.insert(scenario.id.value.clone(), source.path.clone()) {
                        let message = format!("`{}` is the name of {other} too", scenario.id.value);
                        library.problems.push(Diagnostic::error("S025", message, &source, scenario.id.span));
                    }
                    library.scenarios.push(Arc::new(scenario));
                }
            }
        }
        library
    }
}

/// All scenario files below a path, in alphabetical order.
fn files(path: &Path, depth: usize) -> io::Result<Vec<PathBuf>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if !fs::metadata(path).map_err(named)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .map_err(named)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(named)?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            if depth > 0 {
                found.extend(files(&entry, depth - 1)?);
            }
        } else if entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            found.push(entry);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{Style, render};

    #[test]
    fn every_embedded_case_loads() {
        let library = Library::embedded(&Registry::embedded());
        let told: Vec<String> = library.problems.iter().map(|problem| render(problem, Style::default())).collect();
        assert!(told.is_empty(), "{}", told.join("\n\n"));
        assert!(library.scenarios.len() >= 40);
    }
}
