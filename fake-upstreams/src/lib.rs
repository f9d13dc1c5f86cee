//! Fake upstream MCP servers: real behavior where a user would meet it, total control where a test needs it.
//!
//! In reading order:
//! - [`settings`]: what a fake is told: its kind, its accounts, its seed.
//! - [`mark`]: words that tell whose answer this is; [`ledger`]: where everything is written down.
//! - [`fault`], [`script`], [`gate`]: what goes wrong, when, and who waits; [`spoil`]: mistakes of a server on its own.
//! - [`fake`]: the MCP server itself; [`servers`]: the tools of `db`, `github` and `jira`.
//! - [`http`]: serving one over HTTP; [`mod@stdio`]: as a process, line by line; [`inprocess`]: duplex pipes instead of
//!   sockets.
//! - [`wire`]: the little codec that fakes and the suite's actors share, and no hub ever sees.

pub mod fake;
pub mod fault;
pub mod gate;
pub mod http;
pub mod inprocess;
pub mod ledger;
pub mod mark;
pub mod script;
pub mod servers;
pub mod settings;
pub mod spoil;
pub mod stdio;
pub mod wire;

pub use fake::Fake;
pub use fault::{Cut, Fault, Malformation};
pub use gate::Gate;
pub use http::{FakeHandle, serve};
pub use ledger::{Basis, Entry, Ledger, ProcessChange, SessionChange};
pub use script::{Hints, Script};
pub use servers::{prompts, stateless_tool_names, stateless_tools, tool_names};
pub use settings::{Account, Answers, Eras, Kind, Settings};
pub use spoil::{Conduct, Guard, Spoiling};
