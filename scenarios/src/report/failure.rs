//! One finding as a person reads it: the line of the file, expected and received, whose mark reached
//! whom, and the picture.

use super::{group::Grouped, lanes};
use crate::{
    diagnostics::{Diagnostic, Label, Severity as Weight, Style, render},
    oracles::Severity,
    scenario::model::Scenario,
};

/// Longest text of an answer that is shown, in characters.
const LONGEST: usize = 300;

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
fn owned(what: &str, owner: &str) -> String {
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

fn cut(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &one_line[..end]),
        None => one_line,
    }
}
