//! Questions to the caller's client: one each, and its answer told in the result.

use serde_json::{Value, json};

use super::{
    Call, Play, Then,
    play::{form, sampling, text},
};
use crate::servers::Tool;

pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        name: "test_sampling",
        description: "Asks the client's model.",
        parameters: &[("prompt", "string")],
        ..Tool::PLAIN
    },
    Tool {
        name: "test_elicitation",
        description: "Asks the user for a name and an address.",
        parameters: &[("message", "string")],
        ..Tool::PLAIN
    },
    Tool {
        name: "test_elicitation_sep1034_defaults",
        description: "Asks with a default for every kind of field.",
        ..Tool::PLAIN
    },
    Tool {
        name: "test_elicitation_sep1330_enums",
        description: "Asks with every way of writing a choice.",
        ..Tool::PLAIN
    },
];

pub(crate) fn play(name: &str, call: &Call<'_>) -> Option<Play> {
    let elicitation = |params, finish: fn(&Value) -> Value| ("elicitation/create", params, finish);
    let (method, params, finish) = match name {
        "test_sampling" => {
            let Some(prompt) = call.text("prompt") else { return Some(wrong("`prompt` must be a string")) };
            ("sampling/createMessage", sampling(prompt, 100), said_by_model as fn(&Value) -> Value)
        }
        "test_elicitation" => {
            let Some(message) = call.text("message") else { return Some(wrong("`message` must be a string")) };
            let fields = json!({
                "username": { "type": "string", "description": "User's response" },
                "email": { "type": "string", "description": "User's email address" },
            });
            elicitation(form(message, fields, &["username", "email"]), said_by_user)
        }
        "test_elicitation_sep1034_defaults" => {
            elicitation(form("Please look through the defaults", defaults(), &[]), completed)
        }
        "test_elicitation_sep1330_enums" => elicitation(form("Please choose", choices(), &[]), completed),
        _ => return None,
    };
    Some(Play::then(Then::Ask { method, params, finish }))
}

fn wrong(problem: &'static str) -> Play {
    Play::then(Then::Invalid(problem))
}

fn defaults() -> Value {
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
        "verified": { "type": "boolean", "default": true },
    })
}

fn choices() -> Value {
    let titled = |ordinal: &str| {
        let names = ["First", "Second", "Third"].into_iter().zip(1..);
        names
            .map(|(name, n)| json!({ "const": format!("value{n}"), "title": format!("{name} {ordinal}") }))
            .collect::<Vec<_>>()
    };
    json!({
        "untitledSingle": { "type": "string", "enum": ["option1", "option2", "option3"] },
        "titledSingle": { "type": "string", "oneOf": titled("Option") },
        "legacyEnum": {
            "type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": ["option1", "option2", "option3"] } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } },
    })
}

fn said_by_model(answer: &Value) -> Value {
    let said = answer.pointer("/content/text").and_then(Value::as_str).unwrap_or("nothing");
    text(format!("LLM response: {said}"))
}

fn said_by_user(answer: &Value) -> Value {
    text(format!("User response: {}", told(answer)))
}

fn completed(answer: &Value) -> Value {
    text(format!("Elicitation completed: {}", told(answer)))
}

fn told(answer: &Value) -> String {
    let action = answer.get("action").and_then(Value::as_str).unwrap_or("none");
    format!("action={action}, content={}", answer.get("content").unwrap_or(&json!({})))
}
