//! All tools of `lab`, era by era, and which function plays which.

use std::sync::LazyLock;

use super::{Call, Play, asking, changes, content, inputs, jobs, schemas, telling};
use crate::servers::Tool;

static STATEFUL: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let families =
        [content::TOOLS, telling::TOOLS, asking::TOOLS, telling::SESSION_TOOLS, schemas::TOOLS, changes::TOOLS];
    families.into_iter().flatten().copied().collect()
});
static STATELESS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let both = [content::TOOLS, telling::TOOLS, asking::TOOLS, schemas::TOOLS, changes::TOOLS];
    let alone = [telling::STATELESS_TOOLS, inputs::TOOLS, schemas::STATELESS_TOOLS, jobs::TOOLS];
    both.into_iter().chain(alone).flatten().copied().collect()
});

/// The tools inside a session.
pub(crate) fn tools() -> &'static [Tool] {
    &STATEFUL
}

/// The tools for requests on their own.
pub(crate) fn stateless_tools() -> &'static [Tool] {
    &STATELESS
}

/// Plays a tool; `None` where no family has it.
pub(crate) fn run(name: &str, call: &Call<'_>) -> Option<Play> {
    content::play(name)
        .or_else(|| telling::play(name, call))
        .or_else(|| asking::play(name, call))
        .or_else(|| inputs::play(name, call))
        .or_else(|| schemas::play(name, call))
        .or_else(|| changes::play(name))
        .or_else(|| jobs::play(name, call))
}
