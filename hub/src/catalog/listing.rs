//! The four lists of MCP, read just enough to merge them: items keep their bytes but for the name.

use serde_json::value::RawValue;

use crate::{
    envelope::{self, Object},
    upstream::Fault,
};

/// A list that a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Tools,
    Prompts,
    Resources,
    Templates,
}

impl List {
    /// The list that a method asks for.
    pub(crate) fn of(method: &str) -> Option<Self> {
        [Self::Tools, Self::Prompts, Self::Resources, Self::Templates].into_iter().find(|list| list.method() == method)
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }

    /// The member of the result that holds the items.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// The capability that a server declares which has one.
    pub(super) fn capability(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources | Self::Templates => "resources",
        }
    }
}

/// One page of a list.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The items, as they came.
    pub(super) items: Vec<String>,
    /// The server's cursor for the next page.
    pub(super) next: Option<String>,
}

impl Page {
    /// Reads an answer.
    pub(super) fn read(list: List, answer: &str) -> Result<Self, Fault> {
        let garbage = || Fault::Garbage { detail: format!("no answer to {}", list.method()) };
        let answer = Object::read(answer).map_err(|_| garbage())?;
        let result = Object::read(answer.get("result").ok_or_else(garbage)?).map_err(|_| garbage())?;
        let items = items(result.get(list.member()).ok_or_else(garbage)?).ok_or_else(garbage)?;
        Ok(Self { items: items.into_iter().map(str::to_owned).collect(), next: result.string("nextCursor") })
    }
}

/// Whether an answer says that a server knows no such list.
pub(super) fn has_no_such_method(answer: &str) -> bool {
    let error = Object::read(answer).ok().and_then(|answer| answer.get("error"));
    error.and_then(|error| Object::read(error).ok()?.get("code")) == Some("-32601")
}

/// The elements of an array, as they were written.
fn items(array: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// A string member of an item.
pub(super) fn member(item: &str, name: &str) -> Option<String> {
    Object::read(item).ok()?.string(name)
}

/// The item with another text in this member.
pub(super) fn with_member(item: &str, name: &str, text: &str) -> Option<String> {
    let object = Object::read(item).ok()?;
    Some(envelope::with_part(item, object.get(name)?, &serde_json::Value::from(text).to_string()))
}

/// An answer to `tools/list` with only the tools whose names are kept.
pub(super) fn with_names(answer: &str, keeps: impl Fn(&str) -> bool) -> Option<String> {
    let result = Object::read(answer).ok()?.get("result")?;
    let array = Object::read(result).ok()?.get("tools")?;
    let kept = items(array)?.into_iter().filter(|item| member(item, "name").is_some_and(|name| keeps(&name)));
    Some(envelope::with_part(answer, array, &format!("[{}]", kept.collect::<Vec<_>>().join(","))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str =
        r#"{"jsonrpc":"2.0","id":1,"result":{ "tools":[{"name":"a","x":1.0},{"name":"b"}],"nextCursor":"2" }}"#;

    #[test]
    fn a_page_keeps_its_items_bytes_and_a_kept_list_everything_else() {
        let page = Page::read(List::Tools, ANSWER).unwrap();
        assert_eq!((page.items[0].as_str(), page.next.as_deref()), (r#"{"name":"a","x":1.0}"#, Some("2")));
        assert_eq!(with_member(&page.items[0], "name", "db__a").unwrap(), r#"{"name":"db__a","x":1.0}"#);
        assert_eq!(with_names(ANSWER, |name| name == "a").unwrap(), ANSWER.replace(r#",{"name":"b"}"#, ""));
        assert!(Page::read(List::Prompts, ANSWER).is_err());
    }
}
