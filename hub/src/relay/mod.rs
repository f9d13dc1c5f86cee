//! One request's way through the hub, and back.
//!
//! - [`errand`]: for whom, from which session and to which server; [`exchange`]: what is said there, and what comes
//!   back; [`mod@transport`]: the way there.
//! - [`mod@upstream_session`]: the session that a client session has at an upstream.
//! - [`mod@call`]: a call, from its asker's id on; [`running`]: under way, to its answer, whatever happens in between.
//! - [`steps`]: what its asker is given of it, and who carries it on.
//! - [`mod@negotiate`]: in which era a server is spoken to.
//! - [`mod@rounds`]: requests that take several rounds, and the states that their clients keep.
//! - [`mod@tasks`]: what goes on after its answer, asked for by an id of the hub's.
//! - [`mod@bridge`]: sessions that the hub holds for clients that have none; [`held`]: calls that wait there for an answer;
//!   [`mod@tell`]: what is told there.
//! - [`param_headers`]: arguments that are repeated in headers.
//! - [`request`]: a request as it goes upstream, in the words of the era there; [`log_level`]: how much is logged there.
//! - [`wishes`]: what an upstream without sessions wishes to know, asked of a client with one; [`mod@listen_on`]: what it
//!   tells, and what else a session needs there.
//! - [`claim`]: a client's request id while its request is in flight.
//! - [`carry`]: the request sent, its answer read, every message looked up and handed on; [`resume`]: an answer whose
//!   stream ended too early.
//! - [`mod@notify`]: notifications, cancels among them.
//! - [`mod@ask`]: what an upstream asks a client, and the answer.
//! - [`mod@listen`]: what an upstream tells a session outside of any answer.
//! - [`mod@subscribe`]: what an upstream tells a client of the stateless era that listens.
//! - [`cache`]: lists and resources given again to who was given them.

mod ask;
mod bridge;
mod cache;
mod call;
mod carry;
mod claim;
mod errand;
mod exchange;
mod held;
mod listen;
mod listen_on;
mod log_level;
mod negotiate;
mod notify;
mod param_headers;
mod request;
mod resume;
mod rounds;
mod running;
mod steps;
mod subscribe;
mod tasks;
mod tell;
mod transport;
mod upstream_session;
mod wishes;

pub(crate) use ask::{Question, answer, progress as progress_of_answer};
pub(crate) use bridge::{Bridge, discover, hello, without_tasks};
pub(crate) use cache::{Asked, Kept, sweep as sweep_caches};
pub(crate) use call::{Asker, Progress, Reply, ask_server, call};
pub(crate) use carry::Addressee;
pub(crate) use claim::{Claim, Claimed, Refused};
pub(crate) use errand::{Errand, Visit};
pub(crate) use held::HeldCall;
pub(crate) use listen::{LISTENING, listen};
pub(crate) use listen_on::{Renew, set_level, subscription};
pub(crate) use notify::{cancel, notify};
pub(crate) use param_headers::{Repeated, Tool};
pub(crate) use rounds::{Outstanding, sweep as sweep_states};
pub(crate) use steps::{Step, Steps};
pub(crate) use subscribe::{Ear, Filter, Heard, subscribe};
pub(crate) use tasks::{EXTENSION as TASKS, Task, asks_for_task, knows as knows_task, sweep as sweep_tasks};
pub(crate) use tell::Listener;
pub(crate) use transport::{end_all as end_children, sweep as sweep_children};
pub(crate) use upstream_session::{UpstreamSession, close, first as open_upstream_session, of as upstream_session};
