//! Which scenarios a command line means: ids, groups, globs, files, a line of a file.

use std::{path::Path, sync::Arc};

use globset::Glob;

use crate::{diagnostics::nearest, scenario::model::Scenario};

/// A selection means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No scenario goes by it.
    #[error("no scenario matches `{word}`{}", near.as_ref().map_or_else(|| "; `crosstalk list` shows them all".to_owned(), |near| format!("; did you mean `{near}`?")))]
    Nothing {
        /// The word.
        word: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// It is no glob.
    #[error("`{word}` is no pattern: {message}")]
    Pattern {
        /// The word.
        word: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The scenarios that any of `words` means, in their own order; all of them where there is no word.
///
/// A word is an id (`seed/test-1-session-propagation`), a group (`seed` or `seed/`), a glob (`*/same-id-*`)
/// or a file, with or without a line (`cases/seed/x.yaml:12`).
///
/// # Errors
/// A word that means nothing, with what was probably meant.
pub fn select(scenarios: &[Arc<Scenario>], words: &[String]) -> Result<Vec<Arc<Scenario>>, SelectError> {
    if words.is_empty() {
        return Ok(scenarios.to_vec());
    }
    let mut chosen = vec![false; scenarios.len()];
    for word in words {
        let meant = matcher(word)?;
        let mut found = false;
        for (place, scenario) in scenarios.iter().enumerate() {
            if meant(scenario) {
                chosen[place] = true;
                found = true;
            }
        }
        if !found {
            let ids = scenarios.iter().map(|scenario| scenario.id.value.as_str());
            return Err(SelectError::Nothing { word: word.clone(), near: nearest(word, ids).map(str::to_owned) });
        }
    }
    let both = scenarios.iter().zip(chosen);
    Ok(both.filter(|(_, chosen)| *chosen).map(|(scenario, _)| scenario.clone()).collect())
}

/// The file that a word names, with or without a line; `None` where it names none.
pub fn file(word: &str) -> Option<&Path> {
    let file = word.rsplit_once(':').filter(|(_, line)| line.parse::<usize>().is_ok()).map_or(word, |(file, _)| file);
    (file.ends_with(".yaml") || file.ends_with(".yml")).then_some(Path::new(file))
}

type Matcher = Box<dyn Fn(&Scenario) -> bool>;

fn matcher(word: &str) -> Result<Matcher, SelectError> {
    if let Some(file) = file(word) {
        let file = file.to_owned();
        return Ok(Box::new(move |scenario| {
            Path::new(&*scenario.source.path).ends_with(&file) || Path::new(&file).ends_with(&*scenario.source.path)
        }));
    }
    if word.contains(['*', '?', '[', '{']) {
        let broken =
            |error: globset::Error| SelectError::Pattern { word: word.to_owned(), message: error.kind().to_string() };
        let glob = Glob::new(word).map_err(broken)?.compile_matcher();
        return Ok(Box::new(move |scenario| glob.is_match(&scenario.id.value)));
    }
    let (id, group) = (word.to_owned(), format!("{}/", word.trim_end_matches('/')));
    Ok(Box::new(move |scenario| scenario.id.value == id || scenario.id.value.starts_with(&group)))
}
