//! What is said on the way to a result, and results that come later.

use serde_json::{Value, json};

use super::{Call, Play, Then, play::text};
use crate::servers::Tool;

pub(crate) const TOOLS: &[Tool] = &[
    Tool { name: "test_tool_with_logging", description: "Logs three lines on its way.", ..Tool::PLAIN },
    Tool { name: "test_tool_with_progress", description: "Tells its progress three times.", ..Tool::PLAIN },
    Tool {
        name: "test_cancellation",
        description: "Tells its progress once, and is never done: its caller has to cancel it.",
        ..Tool::PLAIN
    },
];

pub(crate) const SESSION_TOOLS: &[Tool] = &[Tool {
    name: "test_reconnection",
    description: "Ends its stream before the result, which waits for a client that comes back.",
    ..Tool::PLAIN
}];

pub(crate) const STATELESS_TOOLS: &[Tool] =
    &[Tool { name: "test_logging_tool", description: "Logs a line, if its caller wants lines.", ..Tool::PLAIN }];

pub(crate) fn play(name: &str, call: &Call<'_>) -> Option<Play> {
    let (told, said) = match name {
        "test_tool_with_logging" => {
            let lines = ["Tool execution started", "Tool processing data", "Tool execution completed"];
            (lines.into_iter().map(log).collect(), "Tool with logging executed successfully")
        }
        "test_logging_tool" => (vec![log("Tool execution started")], "Logging tool executed successfully"),
        "test_tool_with_progress" => {
            let steps = [0, 50, 100].into_iter().filter_map(|step| Some(progress(call.progress?, step)));
            (steps.collect(), "Tool with progress executed successfully")
        }
        "test_cancellation" => {
            let told = call.progress.map(|token| progress(token, 1)).into_iter().collect();
            return Some(Play { told, then: Then::Never });
        }
        "test_reconnection" => {
            return Some(Play::then(Then::Later(text("The client came back for this result."))));
        }
        _ => return None,
    };
    Some(Play { told, then: Then::Result(text(said)) })
}

fn log(line: &str) -> (&'static str, Value) {
    ("notifications/message", json!({ "level": "info", "logger": "lab", "data": line }))
}

fn progress(token: &Value, step: u32) -> (&'static str, Value) {
    let message = format!("Completed step {step} of 100");
    let params = json!({ "progressToken": token, "progress": step, "total": 100, "message": message });
    ("notifications/progress", params)
}
