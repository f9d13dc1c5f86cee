//! Which tools of a server a user may list and call.

use std::collections::BTreeSet;

use super::listing;
use crate::{hub::Hub, identity::Caller, isolation::Rule};

/// The only tools that a user may use there; `None` is all.
fn allowed<'c>(caller: &'c Caller, server: &str) -> Option<&'c BTreeSet<String>> {
    caller.user.tools.get(server)
}

/// Whether a user may call a tool: asked with every call, whatever a list has shown.
pub(crate) fn may_call(hub: &Hub, caller: &Caller, server: &str, tool: impl FnOnce() -> String) -> bool {
    !hub.isolation.keeps(Rule::CheckRightsWithEveryCall)
        || allowed(caller, server).is_none_or(|tools| tools.contains(&tool()))
}

/// An answer to `tools/list` with only what this user may call, every other byte as it came; `None` where that is all.
pub(crate) fn visible(caller: &Caller, server: &str, answer: &str) -> Option<String> {
    let tools = allowed(caller, server)?;
    listing::with_names(answer, |name| tools.contains(name))
}
