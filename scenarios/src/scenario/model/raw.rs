//! Raw requests: what is sent where the protocol's own words are not to be kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Actor;

/// Raw HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// Who sends.
    pub actor: Actor,
    /// To which upstream's route.
    pub upstream: String,
    /// Verb and body.
    pub what: Raw,
    /// Which session id is presented.
    pub session: SessionChoice,
    /// Which credential is presented.
    pub token: TokenChoice,
    /// The JSON-RPC id of a POST, where the file gives one.
    pub id: Option<Value>,
    /// Headers that are sent as they stand here, or left out where there is no value; with `$canary` forms.
    #[serde(default)]
    pub headers: Vec<(String, Option<String>)>,
    /// The same of members of `params._meta`.
    #[serde(default)]
    pub meta: Vec<(String, Option<Value>)>,
}

/// The verb and body of a raw request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Raw {
    /// An HTTP GET for the notification stream.
    Get,
    /// An HTTP DELETE of the session.
    Delete,
    /// A POST of a JSON-RPC request or, for `notifications/*`, a notification.
    Post {
        /// JSON-RPC method.
        method: String,
        /// Tool name for `tools/call`.
        tool: Option<String>,
        /// Arguments for `tools/call`, otherwise the params.
        arguments: serde_json::Map<String, Value>,
        /// How the body is written.
        #[serde(default)]
        layout: Layout,
    },
}

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// On one line.
    #[default]
    Line,
    /// On many.
    Lines,
}

impl Raw {
    /// The tool that it calls.
    pub fn tool(&self) -> Option<&str> {
        match self {
            Self::Post { tool, .. } => tool.as_deref(),
            Self::Get | Self::Delete => None,
        }
    }
}

/// Which session id a raw request carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionChoice {
    /// The actor's own (opened if need be).
    Own,
    /// None at all.
    Absent,
    /// A fresh one that nobody ever had, of the same shape as the target's ids.
    Unknown,
    /// Another actor's, live; optionally from another route.
    Of {
        /// Whose.
        actor: Actor,
        /// On which upstream's route it was opened.
        upstream: String,
    },
}

/// Which credential a raw request carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenChoice {
    /// The actor's own key.
    Own,
    /// No Authorization header.
    Absent,
    /// A key that the hub never issued.
    Unknown,
    /// The user's own upstream token, which is no key of the hub.
    Upstream,
}
