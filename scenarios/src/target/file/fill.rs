//! `{port}` and the like in single lines. A brace that opens no placeholder is only a brace.

use std::{collections::BTreeMap, ops::Range};

/// What stands for what.
pub type Values = BTreeMap<String, String>;

/// A line speaks of something that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no `{{{0}}}` here")]
pub struct Unknown(pub String);

/// Replaces every placeholder. `{env.NAME}` is a variable of the suite's own environment.
///
/// # Errors
/// The first one that stands for nothing.
pub fn fill(line: &str, values: &Values) -> Result<String, Unknown> {
    let mut filled = String::new();
    let mut rest = 0;
    for (name, range) in placeholders(line) {
        filled.push_str(&line[rest..range.start]);
        let value = match name.strip_prefix("env.") {
            Some(variable) => std::env::var(variable).ok(),
            None => values.get(name).cloned(),
        };
        filled.push_str(&value.ok_or_else(|| Unknown(name.to_owned()))?);
        rest = range.end;
    }
    filled.push_str(&line[rest..]);
    Ok(filled)
}

/// Every placeholder of a line, with its place, braces included.
pub fn placeholders(line: &str) -> Vec<(&str, Range<usize>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = line[from..].find('{').map(|at| at + from) {
        let name = &line[open + 1..];
        let length = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
        from = open + 1;
        if let Some(length) = length.filter(|length| *length > 0 && name[*length..].starts_with('}')) {
            found.push((&name[..length], open..open + length + 2));
            from = open + length + 2;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_that_are_none_of_ours_stay() {
        let values = Values::from([("port".to_owned(), "80".to_owned())]);
        assert_eq!(fill("{\"a\": {port}, \"b\": {}}", &values), Ok("{\"a\": 80, \"b\": {}}".to_owned()));
        assert_eq!(fill("{prot}", &values), Err(Unknown("prot".to_owned())));
        assert_eq!(fill("a{", &values), Ok("a{".to_owned()));
    }
}
