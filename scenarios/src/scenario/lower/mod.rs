//! From a tree of nodes to a scenario. Every problem of a file is told in one go.
//!
//! - [`fields`]: the keys of a map, known and unknown.
//! - [`head`]: everything above `steps`; [`matrix`]: what of it spreads a file out into cells.
//! - [`steps`]: the verbs; [`requests`], [`streams`], [`sends`]: what they take; [`names`]: whom and what they name.
//! - [`expect`]: what must come.
//! - [`words`]: single values: names, durations, enums.
//! - [`whole`]: what only shows when all steps are known; [`server`]: what a server can be asked; [`eras`]: what an era has.

mod eras;
mod expect;
mod fields;
mod head;
mod matrix;
mod names;
mod requests;
mod sends;
mod server;
mod steps;
mod streams;
mod whole;
mod words;

pub(crate) use fields::Fields;
pub use words::duration;
pub(crate) use words::json;

use super::{
    model::Scenario,
    source::{Source, Span},
    tree::{self, Node},
};
use crate::{
    diagnostics::{Diagnostic, Style, render_all},
    registry::Registry,
};

/// Loads one file.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file; a syntax error comes alone.
pub fn load(source: &Source, registry: &Registry) -> Result<Scenario, Vec<Diagnostic>> {
    lowered(source, registry, Lowering::scenario)
}

/// Loads a scenario that the suite asks a target on its own account.
///
/// # Errors
/// What is wrong with it, which is a fault of the suite.
pub(crate) fn own(path: &str, text: &str) -> Result<Scenario, String> {
    let source = Source { path: path.into(), text: text.into() };
    load(&source, &Registry::embedded()).map_err(|problems| render_all(&problems, Style::default()))
}

/// Reads a file and lowers it; what was lowered counts only where nothing was found on the way.
pub(crate) fn lowered<'s, T>(
    source: &'s Source,
    registry: &'s Registry,
    lower: impl FnOnce(&mut Lowering<'s>, &Node) -> Option<T>,
) -> Result<T, Vec<Diagnostic>> {
    let root = tree::read(&source.text).map_err(|wrong| {
        vec![
            Diagnostic::error("S001", wrong.message, source, wrong.span)
                .help("mend the YAML; nothing after this place was read"),
        ]
    })?;
    let mut lowering = Lowering { source, registry, found: Vec::new() };
    let whole = lower(&mut lowering, &root);
    lowering.found.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
    match whole {
        Some(whole) if lowering.found.is_empty() => Ok(whole),
        _ => Err(lowering.found),
    }
}

/// One file being lowered; a target file is read with the same words.
pub(crate) struct Lowering<'s> {
    pub(crate) source: &'s Source,
    pub(crate) registry: &'s Registry,
    pub(crate) found: Vec<Diagnostic>,
}

impl Lowering<'_> {
    /// Notes a problem and goes on.
    pub(crate) fn wrong(&mut self, code: &str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.found.push(Diagnostic::error(code, message, self.source, span));
        self.found.last_mut().expect("one was pushed")
    }

    /// Notes a problem with what to do.
    pub(crate) fn wrong_help(&mut self, code: &str, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.wrong(code, span, message).help = Some(help.into());
    }
}
