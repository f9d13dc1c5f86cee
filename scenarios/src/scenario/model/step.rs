//! Steps: what is done, verb by verb.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, Expectation, Send};
use crate::scenario::source::{Span, Spanned};

/// One step: a verb with its object, and what must come of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// What must come of it, each promise with its own span. Checked on the trace, not while playing.
    pub expect: Vec<Spanned<Expectation>>,
    /// The whole step, first key to last value.
    pub span: Span,
}

/// The closed list of verbs.
#[expect(clippy::large_enum_variant, reason = "a scenario has a handful of steps, and most of them are requests")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// `call`, `list`, `initialize`, `ping`: what a polite client does. Opens the session if need be.
    Request(Request),
    /// `send`: raw HTTP for what a polite client would not do.
    Send(Send),
    /// `batch`: several requests in one POST, as revision 2025-03-26 has them.
    Batch {
        /// Who sends it.
        actor: Actor,
        /// To which upstream.
        upstream: String,
        /// The calls: tool, arguments, and id where the file gives one.
        calls: Vec<(String, serde_json::Map<String, Value>, Option<Value>)>,
    },
    /// `await`: takes the answer of a held call.
    Await(Label),
    /// `release`: lets held calls go, in this order or in every order.
    Release {
        /// The calls, by label.
        labels: Vec<Label>,
        /// Whether the written order is the only one.
        order: Order,
    },
    /// `cancel`: sends `notifications/cancelled` for a held call, by the id its client gave it.
    Cancel(Label),
    /// `drop`: closes the connection on which a held call waits.
    Drop(Label),
    /// `close`: the polite end of a session, DELETE with the own id.
    Close {
        /// Whose session.
        actor: Actor,
        /// On which route.
        upstream: String,
    },
    /// `open`: a GET for the listening stream, or for the rest of a stream that broke.
    Open {
        /// Who listens, in their own session.
        actor: Actor,
        /// On which route.
        upstream: String,
        /// The name of the stream.
        stream: Label,
        /// Whose last event is named in `Last-Event-ID`.
        after: Option<Label>,
        /// What is listened for; every list where the file does not say.
        #[serde(default)]
        filter: Option<Filter>,
        /// How much of it is read.
        reading: Reading,
    },
    /// `wait-for`: until the stream has told what is expected of it.
    WaitFor(Label),
    /// `answer`: answers what an upstream asked during a call: on the call's stream, or by asking again.
    Answer {
        /// The call, by its label.
        call: Label,
        /// Who answers; whoever made the call where the file names nobody.
        actor: Option<Actor>,
        /// The result, with `$canary` forms.
        result: serde_json::Map<String, Value>,
        /// With which request state a stateless client asks again.
        #[serde(default)]
        state: StateChoice,
    },
    /// `advance-clock`: moves the virtual clock; needs `clock`.
    AdvanceClock(Duration),
    /// `restart`: ends the target and starts it again, as it was configured; needs `restart`.
    Restart,
    /// `revoke`: takes away the key that this client holds, and with it all who hold the same; needs `revoke`.
    Revoke(Actor),
    /// `census`: looks at an upstream's ledger; the expectation says how many sessions it must show.
    Census {
        /// Which upstream.
        upstream: String,
    },
}

/// How much of a stream a client reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// Everything, as it comes.
    #[default]
    Everything,
    /// The head, and then nothing.
    Nothing,
}

/// What a client listens for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Lists whose changes are told.
    pub lists: Vec<ListKind>,
    /// Resources whose updates are told, with `$canary` forms.
    pub uris: Vec<String>,
    /// Tasks of which it is told where they stand, as `$kept` forms.
    #[serde(default)]
    pub tasks: Vec<String>,
}

/// Which request state a request carries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateChoice {
    /// That which this very call was given last.
    #[default]
    Own,
    /// None.
    Absent,
    /// One that nobody was ever given, of the same shape.
    Unknown,
    /// The own one with one character changed.
    Tampered,
    /// The own one without its end.
    Cut,
    /// That which another call was given last.
    Of(Label),
    /// That which a call was given first, though it was given others since.
    FirstOf(Label),
}

/// A name that a file gives to a held call.
pub type Label = Spanned<String>;

/// In which orders held calls are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As written.
    Given,
    /// Every permutation, one cell each, at most 24 and then a seeded sample.
    Every,
}

/// A request of a polite client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Who asks.
    pub actor: Actor,
    /// Of which upstream; for the lists of a group, of which group.
    pub upstream: String,
    /// On which group's route; `None` is the upstream's own.
    pub via: Option<String>,
    /// What is asked.
    pub kind: RequestKind,
    /// The JSON-RPC id to use; a fresh number where the file gives none.
    pub id: Option<Value>,
    /// Park the call at the upstream under this label and go on.
    pub held: Option<Label>,
    /// Go on under this label as soon as it was sent: a server holds nothing.
    pub begun: Option<Label>,
    /// Go on under this label when the upstream has asked something on the call's stream.
    pub asked: Option<Label>,
    /// What an `initialize` says that its client can be asked; everything where the file does not say.
    pub offers: Option<Vec<String>>,
    /// The token under which the client wants to be told of progress.
    pub progress: Option<Value>,
    /// Keep what the answer hands out under this label: the cursor of a list, the handle of a call.
    pub keep: Option<Label>,
    /// The request state that it carries although it was given none.
    #[serde(default)]
    pub state: Option<StateChoice>,
    /// The answer that goes along to what was asked with that state.
    #[serde(default)]
    pub answering: Option<serde_json::Map<String, Value>>,
    /// The lowest level of log lines that the client wants to be told.
    #[serde(default)]
    pub level: Option<String>,
    /// What goes wrong upstream with exactly this call.
    pub fault: Option<Spanned<FaultSpec>>,
    /// The name of a connection that is kept, and shared with everybody who names it; one of its own where none is.
    pub connection: Option<String>,
}

impl Request {
    /// The label under which it stays open when the step is over.
    pub fn label(&self) -> Option<&Label> {
        self.held.as_ref().or(self.begun.as_ref()).or(self.asked.as_ref())
    }

    /// A request with nothing special about it.
    pub fn plain(actor: Actor, upstream: String, kind: RequestKind) -> Self {
        Self {
            actor,
            upstream,
            via: None,
            kind,
            id: None,
            held: None,
            begun: None,
            asked: None,
            offers: None,
            progress: None,
            keep: None,
            state: None,
            answering: None,
            level: None,
            fault: None,
            connection: None,
        }
    }
}

/// What a polite client asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    /// `initialize`, then `notifications/initialized`.
    Initialize,
    /// `ping`.
    Ping,
    /// A list.
    List {
        /// Which.
        what: ListKind,
        /// Where it goes on: the cursor that was kept under this label.
        after: Option<Label>,
    },
    /// `prompts/get`.
    Get {
        /// Prompt name, bare.
        prompt: String,
        /// Arguments, with `$canary` forms.
        arguments: serde_json::Map<String, Value>,
    },
    /// `resources/read`.
    Read {
        /// The URI, with `$canary` forms.
        uri: String,
    },
    /// `completion/complete`.
    Complete {
        /// What is being filled in.
        reference: Reference,
        /// The argument and its beginning.
        argument: (String, String),
    },
    /// `tasks/get`, `tasks/update`, `tasks/cancel`, or what another era asks of tasks.
    Task {
        /// The method.
        method: String,
        /// The task by the id that was kept, as a `$kept` form, and what is said to it.
        arguments: serde_json::Map<String, Value>,
    },
    /// `tools/call`.
    Call {
        /// Tool name, bare.
        tool: String,
        /// Arguments; strings may contain `$canary` forms, replaced when played.
        arguments: serde_json::Map<String, Value>,
    },
}

/// What is being filled in by a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// A prompt, by its bare name.
    Prompt(String),
    /// A resource template.
    Template(String),
}

/// The lists of MCP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListKind {
    /// `tools/list`.
    #[default]
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
}

impl ListKind {
    /// The method that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }
}

/// A fault of the upstream, as written in a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultSpec {
    /// Answer only after this much virtual time.
    Delay(Duration),
    /// Answer this HTTP status and no JSON-RPC body.
    Refuse(u16),
    /// Close the connection: `before-executing` or `after-executing`.
    Disconnect(String),
    /// Answer something that is not the protocol: `not-json`, `truncated-json`, `wrong-id`, ...
    Malform(String),
}
