//! One finding as a person reads it: the line of the file, expected and received, whose mark reached
//! whom, and the picture.

use std::io::{self, Write};

use super::{
    group::{Failing, Grouped},
    lanes,
};
use crate::{
    diagnostics::{Diagnostic, Label, Severity as Weight, Style, render},
    oracles::Severity,
    scenario::model::Scenario,
};

/// Findings of one scenario that are drawn; the rest is counted.
pub(super) const MOST_FINDINGS: usize = 3;
/// Longest text of an answer that is shown, in characters.
const LONGEST: usize = 300;

/// Everything about one scenario that did not simply pass, and how to do it again.
///
/// # Errors
/// What writing says.
pub fn whole(out: &mut impl Write, failing: &Failing, style: Style, again: &str) -> io::Result<()> {
    let id = &failing.scenario.id.value;
    writeln!(out, "\n   FAIL  {id}   {} cells   {}", failing.cells.len(), failing.scenario.title)?;
    for (outcome, reason) in &failing.reasons {
        writeln!(out, "\n{outcome}: {reason}")?;
    }
    let mut drawn = Vec::new();
    for grouped in failing.findings.iter().take(MOST_FINDINGS) {
        writeln!(out, "\n{}", words(&failing.scenario, grouped, style))?;
        // Several oracles tend to speak of one message; it is drawn once.
        if let Some(picture) = picture(grouped, style).filter(|picture| !drawn.contains(picture)) {
            writeln!(out, "\n{picture}")?;
            drawn.push(picture);
        }
    }
    if failing.findings.len() > MOST_FINDINGS {
        writeln!(out, "\n   and {} other findings:", failing.findings.len() - MOST_FINDINGS)?;
        for grouped in &failing.findings[MOST_FINDINGS..] {
            let finding = &grouped.finding;
            writeln!(out, "    {} {}: {}", finding.kind, finding.oracle, finding.headline)?;
        }
    }
    writeln!(out, "\n   again   cargo xtask conformance {again}")
}

/// The finding in words, with the line of the file that was not kept; without a final line break.
pub fn words(scenario: &Scenario, grouped: &Grouped, style: Style) -> String {
    let finding = &grouped.finding;
    let mut diagnostic = Diagnostic {
        severity: if finding.severity == Severity::Failure { Weight::Error } else { Weight::Warning },
        code: format!("{}: {}", finding.kind, finding.oracle),
        message: finding.headline.clone(),
        source: scenario.source.clone(),
        labels: labels(scenario, grouped),
        notes: vec![format!("expected  {}", cut(&finding.expected)), format!("received  {}", cut(&finding.received))],
        help: None,
    };
    if let Some(crossing) = &finding.crossing {
        diagnostic.notes.push(format!(
            "crossed   {} reached {}",
            owned(&crossing.what, &crossing.owner),
            crossing.reached
        ));
    }
    let cells = match grouped.count - 1 {
        0 => grouped.cell.clone(),
        1 => format!("{} and 1 more cell", grouped.cell),
        more => format!("{} and {more} more cells", grouped.cell),
    };
    diagnostic.notes.push(format!("seen in   {cells}"));
    render(&diagnostic, style)
}

/// The picture of it, where there is a trace to draw.
pub fn picture(grouped: &Grouped, style: Style) -> Option<String> {
    grouped.trace.as_ref().map(|trace| lanes::draw(trace, &grouped.finding, style))
}

/// What crossed, with its owner, who may be part of its name already.
pub(super) fn owned(what: &str, owner: &str) -> String {
    if what.contains(owner) { what.to_owned() } else { format!("{what} of {owner}") }
}

fn labels(scenario: &Scenario, grouped: &Grouped) -> Vec<Label> {
    let finding = &grouped.finding;
    let Some(step) = scenario.steps.get(finding.step) else { return Vec::new() };
    let first_line = |start: usize, end: usize| {
        let text = &scenario.source.text[start..end];
        start + text.find('\n').unwrap_or(text.len())
    };
    let span = finding.span.unwrap_or(step.span);
    let end = first_line(span.start, span.end);
    vec![Label {
        span: crate::scenario::source::Span { start: span.start, end },
        text: format!("step {}", finding.step + 1),
    }]
}

pub(super) fn cut(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &one_line[..end]),
        None => one_line,
    }
}
