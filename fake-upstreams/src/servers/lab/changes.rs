//! Lists that change when they are told to, by tools that no list shows.

use serde_json::{Value, json};

use super::{Play, Then};
use crate::servers::Tool;

/// Which list changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    Tools,
    Prompts,
}

impl Change {
    /// The notification that tells of it.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
        }
    }

    /// What is in the changed list besides.
    pub(crate) fn added(self) -> Value {
        match self {
            Self::Tools => json!({
                "name": "test_added_tool", "description": "Came with a change.", "inputSchema": { "type": "object" },
            }),
            Self::Prompts => json!({ "name": "test_added_prompt", "description": "Came with a change." }),
        }
    }
}

pub(crate) const TOOLS: &[Tool] = &[
    Tool { name: "test_trigger_tool_change", description: "Changes the list of tools.", listed: false, ..Tool::PLAIN },
    Tool {
        name: "test_trigger_prompt_change",
        description: "Changes the list of prompts.",
        listed: false,
        ..Tool::PLAIN
    },
];

pub(crate) fn play(name: &str) -> Option<Play> {
    let change = match name {
        "test_trigger_tool_change" => Change::Tools,
        "test_trigger_prompt_change" => Change::Prompts,
        _ => return None,
    };
    Some(Play::then(Then::Changed(change)))
}
