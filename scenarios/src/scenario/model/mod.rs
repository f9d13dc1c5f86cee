//! What a scenario is once it has been loaded: names resolved, values typed, every promise with its span.
//!
//! This is the contract between the loader (which builds it and refuses everything doubtful), the
//! engine (which plays it) and the oracles (which read it from the head of a trace). It holds no
//! behavior beyond small lookups. The file format itself is described in `docs/scenario-format.md`.
//!
//! - [`era`]: eras, revisions, and the pairs in which a scenario is played.
//! - [`head`]: who takes part, with what, and under which limits.
//! - [`step`]: what is done, verb by verb. [`raw`]: the verbs that send what the file says, right or wrong.
//! - [`expect`]: what must come of it.

pub mod era;
pub mod expect;
pub mod head;
pub mod raw;
pub mod step;

pub use era::{Era, Pair, Revision};
pub use expect::{Expectation, Refusal, TextMatch};
pub use head::{Actor, CredentialMode, Hints, Limits, Need, Scenario, ServiceCredential, Transport, Upstream, User};
pub use raw::{Layout, Raw, Send, SessionChoice, TokenChoice};
pub use step::{
    Action, FaultSpec, Filter, Label, ListKind, Order, Reading, Reference, Request, RequestKind, StateChoice, Step,
};
