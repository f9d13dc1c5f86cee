//! One violation, and the test that makes every one speak.

use std::collections::BTreeSet;

use super::{answers, crossings, listens, requests, tape::Tape, tellings};
use crate::oracles::{Oracle, Severity};

/// One thing that a trace must not show.
pub(super) struct Violation {
    /// What is wrong, in words.
    what: &'static str,
    /// Who must say so.
    oracle: Oracle,
    /// The play that is spoiled.
    play: &'static str,
    /// How.
    spoil: fn(&mut Tape),
}

pub(super) const fn violation(
    oracle: Oracle,
    what: &'static str,
    play: &'static str,
    spoil: fn(&mut Tape),
) -> Violation {
    Violation { what, oracle, play, spoil }
}

const ORACLES: [Oracle; 13] = [
    Oracle::Expectation,
    Oracle::Serialized,
    Oracle::Leak,
    Oracle::Secrets,
    Oracle::Identity,
    Oracle::ExclusiveSession,
    Oracle::Correlation,
    Oracle::Audience,
    Oracle::RequestStates,
    Oracle::Headers,
    Oracle::Refusal,
    Oracle::SessionIds,
    Oracle::Noninterference,
];

#[test]
fn every_spoiled_trace_is_found_by_its_oracle() {
    let mut told = String::new();
    let mut spoke = BTreeSet::new();
    let mut silent = Vec::new();
    let all = [answers::ALL, crossings::ALL, tellings::ALL, listens::ALL, requests::ALL];
    for violation in all.into_iter().flatten() {
        let mut tape = Tape::record(violation.play);
        (violation.spoil)(&mut tape);
        let trace = tape.stored_and_read_back();
        let findings = tape.judged(&trace);
        let own: Vec<_> = findings.iter().filter(|finding| finding.oracle == violation.oracle).collect();
        if own.is_empty() {
            silent.push(format!("{}: {} says nothing, only {findings:#?}", violation.what, violation.oracle));
            continue;
        }
        spoke.insert(violation.oracle);
        told.push_str(&format!("{}\n", violation.what));
        for finding in own {
            let warned = if finding.severity == Severity::Warning { " (warning)" } else { "" };
            told.push_str(&format!("  {}, {}{warned}: {}\n", finding.oracle, finding.kind, finding.headline));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    assert_eq!(spoke, BTreeSet::from(ORACLES), "every oracle has a violation of its own");
    let fresh = [(r"\(session [^)]*\)", "(session …)"), ("xt[a-z0-9]{16}", "<mark>")];
    insta::with_settings!({ filters => fresh }, { insta::assert_snapshot!(told) });
}
