//! Results that ask for input: every kind of question, several at once, several rounds, with a state and without.

use serde_json::{Map, Value, json};

use super::{
    Call, Play, Then,
    play::{form, sampling, text},
};
use crate::servers::Tool;

pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        name: "test_input_required_result_elicitation",
        description: "Asks for a name, without a state.",
        ..Tool::PLAIN
    },
    Tool { name: "test_input_required_result_sampling", description: "Asks a model, without a state.", ..Tool::PLAIN },
    Tool {
        name: "test_input_required_result_list_roots",
        description: "Asks for roots, without a state.",
        ..Tool::PLAIN
    },
    Tool {
        name: "test_input_required_result_request_state",
        description: "Asks for a yes, with a state.",
        ..Tool::PLAIN
    },
    Tool {
        name: "test_input_required_result_multiple_inputs",
        description: "Asks three things at once.",
        ..Tool::PLAIN
    },
    Tool {
        name: "test_input_required_result_multi_round",
        description: "Asks twice, one after the other.",
        ..Tool::PLAIN
    },
    Tool {
        name: "test_input_required_result_tampered_state",
        description: "Takes back only the state it gave.",
        ..Tool::PLAIN
    },
    Tool {
        name: "test_input_required_result_capabilities",
        description: "Asks only what the client offers.",
        ..Tool::PLAIN
    },
    Tool { name: "test_streaming_elicitation", description: "Asks for a name, at the end of a stream.", ..Tool::PLAIN },
    Tool { name: "test_missing_capability", description: "Needs a client that offers sampling.", ..Tool::PLAIN },
];

pub(crate) fn play(name: &str, call: &Call<'_>) -> Option<Play> {
    Some(Play::then(match name.strip_prefix("test_input_required_result_") {
        Some("elicitation") => match name_given(call, "user_name") {
            Some(name) => Then::Result(text(format!("Hello, {name}!"))),
            None => ask([("user_name", who())], None),
        },
        Some("sampling") => match call.responses.and_then(|given| given.pointer("/capital_question/content/text")) {
            Some(said) => Then::Result(text(said.as_str().unwrap_or_default())),
            None => ask([("capital_question", model("What is the capital of France?", 100))], None),
        },
        Some("list_roots") => match call.responses.and_then(|given| given.pointer("/client_roots/roots")) {
            Some(roots) => Then::Result(text(format!("Roots: {roots}"))),
            None => ask([("client_roots", roots())], None),
        },
        Some("request_state" | "tampered_state") => match call.memo.and(call.accepted("confirm")) {
            Some(answer) => Then::Result(text(format!("state-ok {answer}"))),
            None => ask([("confirm", confirmation())], Some(json!(1))),
        },
        Some("multiple_inputs") => several(call),
        Some("multi_round") => rounds(call),
        Some("capabilities") => offered(call),
        _ => return others(name, call),
    }))
}

fn others(name: &str, call: &Call<'_>) -> Option<Play> {
    Some(Play::then(match name {
        "test_streaming_elicitation" => match name_given(call, "user_name") {
            Some(name) => Then::Result(text(format!("Hello, {name}!"))),
            None => ask([("user_name", who())], None),
        },
        "test_missing_capability" if !call.offers.contains_key("sampling") => Then::Missing(json!({ "sampling": {} })),
        "test_missing_capability" => Then::Result(text("The client offers sampling.")),
        _ => return None,
    }))
}

/// Three questions at once; what was not answered is asked again.
fn several(call: &Call<'_>) -> Then {
    let given = |key: &str| call.memo.is_some() && call.responses.is_some_and(|given| given.get(key).is_some());
    let all = [("user_name", who()), ("greeting", model("Generate a greeting", 50)), ("client_roots", roots())];
    if all.iter().all(|(key, _)| given(key)) {
        return Then::Result(text(format!("All inputs: {}", call.responses.unwrap_or(&Value::Null))));
    }
    ask(all, Some(json!(1)))
}

/// Two questions, each with a state of its own; the second remembers the answer to the first.
fn rounds(call: &Call<'_>) -> Then {
    let color = json!({ "color": { "type": "string" } });
    let second = |name: &Value| {
        let question = elicitation(form("Step 2: What is your favorite color?", color.clone(), &["color"]));
        ask([("step2", question)], Some(json!({ "name": name })))
    };
    match call.memo.map(|memo| memo.get("name")) {
        Some(Some(name)) => match call.accepted("step2") {
            Some(answer) => Then::Result(text(format!("{name} likes {}", answer["color"]))),
            None => second(name),
        },
        Some(None) if name_given(call, "step1").is_some() => second(&name_given(call, "step1").into()),
        _ => {
            let name = json!({ "name": { "type": "string" } });
            ask([("step1", elicitation(form("Step 1: What is your name?", name, &["name"])))], Some(json!({})))
        }
    }
}

/// One question of each kind that the client offers.
fn offered(call: &Call<'_>) -> Then {
    let all = [
        ("elicitation", ("user_name", who())),
        ("sampling", ("greeting", model("Generate a greeting", 50))),
        ("roots", ("client_roots", roots())),
    ];
    let fitting: Vec<_> =
        all.into_iter().filter(|(kind, _)| call.offers.contains_key(*kind)).map(|(_, request)| request).collect();
    let given = call.responses.is_some_and(|given| fitting.iter().all(|(key, _)| given.get(key).is_some()));
    if fitting.is_empty() || given {
        return Then::Result(text("Everything that the client offers was asked."));
    }
    ask(fitting, None)
}

/// The prompt that asks before it can be shown.
pub(crate) fn prompt(call: &Call<'_>) -> Then {
    match call.accepted("user_context").and_then(|answer| answer.get("context")?.as_str()) {
        Some(context) => {
            let content = json!({ "type": "text", "text": format!("Use this context: {context}") });
            Then::Result(json!({ "messages": [{ "role": "user", "content": content }] }))
        }
        None => {
            let context = json!({ "context": { "type": "string" } });
            let question = elicitation(form("What context should the prompt use?", context, &["context"]));
            ask([("user_context", question)], None)
        }
    }
}

/// Asks for input; with something to remember, the retry must bring the state.
pub(super) fn ask<'k>(requests: impl IntoIterator<Item = (&'k str, Value)>, memo: Option<Value>) -> Then {
    let requests: Map<String, Value> = requests.into_iter().map(|(key, request)| (key.to_owned(), request)).collect();
    Then::Input { requests, memo }
}

pub(super) fn name_given<'c>(call: &Call<'c>, key: &str) -> Option<&'c str> {
    let response = call.responses?.get(key)?;
    if response.get("action")? != "accept" {
        return None;
    }
    response.get("content")?.get("name")?.as_str()
}

pub(super) fn who() -> Value {
    elicitation(form("What is your name?", json!({ "name": { "type": "string" } }), &["name"]))
}

fn confirmation() -> Value {
    elicitation(form("Please confirm", json!({ "ok": { "type": "boolean" } }), &["ok"]))
}

fn elicitation(params: Value) -> Value {
    json!({ "method": "elicitation/create", "params": params })
}

fn model(question: &str, tokens: u32) -> Value {
    json!({ "method": "sampling/createMessage", "params": sampling(question, tokens) })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}
