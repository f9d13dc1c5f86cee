//! Which tools of a server a user may list and call.

use std::collections::BTreeSet;

use super::listing;
use crate::{hub::Hub, isolation::Rule};

/// The only tools that a user may use there; `None` is all.
fn allowed<'h>(hub: &'h Hub, principal: &str, server: &str) -> Option<&'h BTreeSet<String>> {
    hub.config.users.get(principal)?.tools.get(server)
}

/// Whether a user may call a tool: asked with every call, whatever a list has shown.
pub(crate) fn may_call(hub: &Hub, principal: &str, server: &str, tool: impl FnOnce() -> String) -> bool {
    !hub.isolation.keeps(Rule::CheckRightsWithEveryCall)
        || allowed(hub, principal, server).is_none_or(|tools| tools.contains(&tool()))
}

/// An answer to `tools/list` with only what this user may call, every other byte as it came; `None` where that is all.
pub(crate) fn visible(hub: &Hub, principal: &str, server: &str, answer: &str) -> Option<String> {
    let tools = allowed(hub, principal, server)?;
    listing::with_names(answer, |name| tools.contains(name))
}
