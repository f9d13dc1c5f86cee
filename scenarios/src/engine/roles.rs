//! Which tool of a server plays a role, and with which arguments.

use serde_json::{Map, Value};

use crate::trace::Facts;

/// What stands in a profile for the value that a scenario gives.
pub const VALUE: &str = "{value}";

/// Tool and arguments of a call: those of the profile where a server is asked, and as they stand everywhere else.
pub fn played(
    facts: &Facts,
    upstream: &str,
    tool: &str,
    arguments: Map<String, Value>,
) -> (String, Map<String, Value>) {
    let Some(role) = facts.role(upstream, tool) else { return (tool.to_owned(), arguments) };
    let value = arguments.get("value").and_then(Value::as_str).unwrap_or_default();
    (role.tool.clone(), role.with.iter().map(|(name, template)| (name.clone(), filled(template, value))).collect())
}

fn filled(template: &Value, value: &str) -> Value {
    match template {
        Value::String(text) => text.replace(VALUE, value).into(),
        Value::Array(items) => items.iter().map(|item| filled(item, value)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.clone(), filled(field, value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}
