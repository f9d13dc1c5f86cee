//! Schemas with everything that JSON Schema 2020-12 knows, and parameters that are repeated in headers.

use super::{Call, Play, play::text};
use crate::servers::Tool;

const EVERYTHING: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
        }
    },
    "properties": {
        "name": { "type": "string" },
        "address": { "$ref": "#/$defs/address" },
        "contactMethod": { "type": "string", "enum": ["phone", "email"] },
        "phone": { "type": "string" },
        "email": { "type": "string" }
    },
    "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
    "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
    "then": { "required": ["phone"] },
    "else": { "required": ["email"] },
    "additionalProperties": false
}"##;

pub(crate) const TOOLS: &[Tool] = &[Tool {
    name: "json_schema_2020_12_tool",
    description: "Has a schema that says everything a schema can say.",
    schema: Some(EVERYTHING),
    ..Tool::PLAIN
}];

pub(crate) const STATELESS_TOOLS: &[Tool] = &[Tool {
    name: "test_custom_headers",
    description: "Takes parameters that its callers repeat in headers.",
    parameters: &[("region", "string")],
    optional: &[("priority", "integer"), ("verbose", "boolean"), ("query", "string")],
    headers: &[("region", "Region"), ("priority", "Priority"), ("verbose", "Verbose")],
    ..Tool::PLAIN
}];

pub(crate) fn play(name: &str, call: &Call<'_>) -> Option<Play> {
    match name {
        "json_schema_2020_12_tool" => Some(Play::result(text("The schema was understood."))),
        "test_custom_headers" => {
            let given = serde_json::Value::Object(call.arguments.clone());
            Some(Play::result(text(format!("Headers and body agree: {given}"))))
        }
        _ => None,
    }
}
