//! Which server a name or a URI belongs to, where several are shown as one.

use std::sync::Arc;

/// Stands between a server's name and the name of its tool or prompt. No server's name has an underscore, so the
/// first of these is always the right one.
const BETWEEN: &str = "__";

/// A name as a merged route tells it.
pub(super) fn told(server: &str, bare: &str) -> String {
    format!("{server}{BETWEEN}{bare}")
}

/// Server and bare name of a told one.
pub(super) fn split(told: &str) -> Option<(&str, &str)> {
    told.split_once(BETWEEN)
}

/// A resource's URI as a merged route tells it.
pub(crate) type ToldUri = String;

/// Where a told URI leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// To which server.
    pub(crate) server: Arc<str>,
    /// What it is called there.
    pub(crate) uri: String,
}

/// A URI that another server has taken already: told with its server in the scheme.
pub(super) fn told_apart(owner: &Owner) -> ToldUri {
    format!("mcp+{}+{}", owner.server, owner.uri)
}

/// Where such a URI leads.
pub(super) fn apart(told: &str) -> Option<(&str, &str)> {
    told.strip_prefix("mcp+")?.split_once('+')
}

/// Whether a URI is one that a template makes: its text before the first and after the last variable is there.
pub(super) fn fits(template: &str, uri: &str) -> bool {
    match (template.split_once('{'), template.rsplit_once('}')) {
        (Some((before, _)), Some((_, after))) => {
            uri.len() >= before.len() + after.len() && uri.starts_with(before) && uri.ends_with(after)
        }
        _ => template == uri,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_separator_splits_and_templates_fit_by_their_ends() {
        assert_eq!(split(&told("my-db", "get__all")), Some(("my-db", "get__all")));
        assert_eq!(split("get_all"), None);
        let owner = Owner { server: "my-db".into(), uri: "note://a+b".into() };
        assert_eq!(apart(&told_apart(&owner)), Some(("my-db", "note://a+b")));
        assert_eq!(apart("note://a+b"), None);
        assert!(fits("note://{key}", "note://a") && fits("a/{x}/b/{y}.md", "a/1/b/2.md"));
        assert!(!fits("note://{key}", "repo://a") && !fits("a{x}a", "a"));
    }
}
