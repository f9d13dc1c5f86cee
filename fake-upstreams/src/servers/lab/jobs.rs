//! Tools that may go on after their answer, as a task of the tasks extension.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    Call, Play, Then,
    inputs::{ask, name_given, who},
    play::{form, text},
};
use crate::servers::Tool;

/// The extension by which a client says that it can follow tasks.
pub(crate) const TASKS: &str = "io.modelcontextprotocol/tasks";
/// Longest job.
const LONGEST: Duration = Duration::from_secs(600);

/// What goes on: it asks for input first, where it has something to ask, and is over after this time.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) inputs: Map<String, Value>,
    pub(crate) takes: Duration,
    pub(crate) end: End,
}

/// How a job ends.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// With the result of the tool.
    Result(Value),
    /// With what was answered to what it asked.
    Answers,
    /// With an error of the protocol: code and message.
    Error(i64, &'static str),
}

pub(crate) const TOOLS: &[Tool] = &[
    Tool { name: "greet", description: "Greets somebody.", parameters: &[("name", "string")], ..Tool::PLAIN },
    Tool {
        name: "slow_compute",
        description: "Takes its time; a task where the client can follow one.",
        parameters: &[("seconds", "number")],
        optional: &[("label", "string")],
        ..Tool::PLAIN
    },
    Tool { name: "failing_job", description: "A task that ends with an error of the tool.", ..Tool::PLAIN },
    Tool { name: "protocol_error_job", description: "A task that ends with an error of the protocol.", ..Tool::PLAIN },
    Tool {
        name: "confirm_delete",
        description: "A task that asks whether to go on.",
        parameters: &[("filename", "string")],
        ..Tool::PLAIN
    },
    Tool { name: "multi_input", description: "A task that asks two things at once.", ..Tool::PLAIN },
    Tool { name: "test_tool_with_task", description: "Asks for a name, then goes on as a task.", ..Tool::PLAIN },
];

pub(crate) fn play(name: &str, call: &Call<'_>) -> Option<Play> {
    let follows = follows(call.offers);
    let job = |takes: u64, end: End| Job { inputs: Map::new(), takes: Duration::from_secs(takes), end };
    let job = match name {
        "greet" => {
            let name = call.text("name").unwrap_or("nobody");
            return Some(Play::result(text(format!("Hello, {name}!"))));
        }
        "slow_compute" => {
            let seconds = call.arguments.get("seconds").and_then(Value::as_f64).unwrap_or_default();
            let takes = Duration::try_from_secs_f64(seconds).unwrap_or_default().min(LONGEST);
            let label = call.text("label").map(|label| format!(" {label}")).unwrap_or_default();
            let result = text(format!("Computed for {seconds} seconds.{label}"));
            // Nobody is kept waiting for a computation: a client that follows no tasks gets its result at once.
            if !follows || takes.is_zero() {
                return Some(Play::result(result));
            }
            Job { inputs: Map::new(), takes, end: End::Result(result) }
        }
        "failing_job" => {
            let mut failed = text("The job failed.");
            failed["isError"] = true.into();
            job(1, End::Result(failed))
        }
        "protocol_error_job" => job(0, End::Error(-32603, "the job broke")),
        "confirm_delete" => {
            let question = format!("Delete {}?", call.text("filename").unwrap_or("it"));
            asking([("confirm", question.as_str(), "confirm", "boolean")])
        }
        "multi_input" => asking([
            ("first", "What is the first name?", "name", "string"),
            ("second", "And the second?", "name", "string"),
        ]),
        "test_tool_with_task" if follows => match call.memo.and_then(|_| name_given(call, "user_name")) {
            Some(name) => job(0, End::Result(text(format!("Hello, {name}, from a task!")))),
            None => return Some(Play::then(ask([("user_name", who())], Some(json!({}))))),
        },
        "test_tool_with_task" => job(0, End::Answers),
        _ => return None,
    };
    let missing = || json!({ "extensions": { TASKS: {} } });
    Some(Play::then(if follows { Then::Job(job) } else { Then::Missing(missing()) }))
}

/// Whether a client that offers this can follow tasks.
pub(crate) fn follows(offers: &Map<String, Value>) -> bool {
    offers.get("extensions").is_some_and(|extensions| extensions.get(TASKS).is_some())
}

/// A job that asks: key, message, and its field with a type.
fn asking<const N: usize>(questions: [(&str, &str, &str, &str); N]) -> Job {
    let request = |message: &str, field: &str, kind: &str| {
        let params = form(message, json!({ field: { "type": kind } }), &[field]);
        json!({ "method": "elicitation/create", "params": params })
    };
    let inputs =
        questions.into_iter().map(|(key, message, field, kind)| (key.to_owned(), request(message, field, kind)));
    Job { inputs: inputs.collect(), takes: Duration::ZERO, end: End::Answers }
}
