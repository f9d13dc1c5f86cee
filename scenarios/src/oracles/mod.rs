//! Oracles: pure functions from a trace to findings.
//!
//! Every oracle judges every scenario; a scenario says only what must come, never what must not.
//! An oracle sees a trace (and, for [`noninterference`], the trace of the same user alone) and nothing
//! else: no socket, no clock, no configuration. So a stored trace can be judged again by a later oracle.
//!
//! Read in this order:
//! - [`finding`]: what an oracle says.
//! - [`expectations`]: what the file says must come; `numbers`: how often.
//! - [`leak`]: nobody receives another's mark.
//! - [`secrets`]: nobody is told a secret, in an answer or in a log.
//! - [`identity`]: every upstream request carries its caller's credential, and nothing of the hub's.
//! - [`exclusive_session`]: an upstream session serves one owner, an owner keeps one upstream session.
//! - [`correlation`]: every answer is the answer to its own request, and nothing runs twice.
//! - [`audience`]: a notification reaches exactly the client whose request caused it.
//! - [`streams`]: what is told outside of answers, and what is answered to an upstream, once and to whom it concerns.
//! - [`listening`]: a client is told what it has asked to be told, and nothing else.
//! - [`states`]: a request state opens for its holder, for its request, and once. `rounds` follows them.
//! - [`mirrored`]: what an upstream is told in headers is what the body says.
//! - [`refusal`]: foreign and unknown are told the same.
//! - [`session_ids`]: ids are not guessable.
//! - [`noninterference`]: what a user gets among others is what the same user gets alone.
//! - [`observed`]: what a trace must show before it counts as judged.
//! - [`crossing`], [`lending`]: what *leak* and *identity* are in real traffic, where nothing carries a mark and nobody
//!   says beforehand whose a credential is.
//! - [`counts`]: sessions and cancels, counted in the ledgers.
//! - [`marks`]: texts of two runs made comparable.
//! - [`rpc`]: reading JSON-RPC out of recorded bodies, for all of the above.
//! - `violations`: for every one of them, the trace of a hub that keeps everything, spoiled so that it must speak.

pub mod audience;
pub mod correlation;
pub mod counts;
pub mod crossing;
pub mod exclusive_session;
pub mod expectations;
pub mod finding;
pub mod identity;
pub mod leak;
pub mod lending;
pub mod listening;
pub mod marks;
pub mod mirrored;
pub mod noninterference;
mod numbers;
pub mod observed;
pub mod refusal;
mod rounds;
pub mod rpc;
pub mod secrets;
pub mod session_ids;
pub mod states;
pub mod streams;
#[cfg(test)]
mod violations;

pub use finding::{Finding, Kind, Oracle, Severity};
pub use observed::not_observed;

use crate::trace::Index;

/// Judges a trace with every oracle. `alone` are the traces of each user's control run.
///
/// Findings come in the order of the oracles above, and inside one oracle in the order of the trace.
pub fn judge(index: &Index<'_>, alone: &[Index<'_>]) -> Vec<Finding> {
    let mut findings = expectations::judge(index);
    findings.extend(leak::judge(index));
    findings.extend(secrets::judge(index));
    findings.extend(identity::judge(index));
    findings.extend(exclusive_session::judge(index));
    findings.extend(correlation::judge(index));
    findings.extend(audience::judge(index));
    findings.extend(streams::judge(index));
    findings.extend(listening::judge(index));
    findings.extend(states::judge(index));
    findings.extend(mirrored::judge(index));
    findings.extend(refusal::judge(index));
    findings.extend(session_ids::judge(index));
    findings.extend(noninterference::judge(index, alone));
    findings
}

/// Judges a trace of real traffic, with every oracle that needs neither a script nor marks.
pub fn judge_attached(index: &Index<'_>) -> Vec<Finding> {
    let mut findings = crossing::judge(index);
    findings.extend(secrets::judge(index));
    findings.extend(identity::judge_hub_words(index));
    findings.extend(lending::judge(index));
    findings.extend(exclusive_session::judge(index));
    findings.extend(correlation::judge(index));
    findings.extend(session_ids::judge(index));
    findings
}

/// Judges a control run: a user alone must get what the file promises, or the suite is at fault.
pub fn judge_alone(index: &Index<'_>) -> Vec<Finding> {
    expectations::judge(index)
}
