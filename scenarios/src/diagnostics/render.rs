//! How a diagnostic looks: the message, the line, a caret, notes and help.

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet, renderer::DecorStyle};

use super::{Diagnostic, Severity};

/// How to draw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// ANSI colors.
    pub color: bool,
    /// Box-drawing characters.
    pub unicode: bool,
}
/// Several of them, an empty line between two.
pub fn render_all(problems: &[Diagnostic], style: Style) -> String {
    problems.iter().map(|problem| render(problem, style)).collect::<Vec<_>>().join("\n\n")
}

/// The diagnostic as text, without a final line break.
pub fn render(diagnostic: &Diagnostic, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let length = diagnostic.source.text.len();
    let annotations = diagnostic.labels.iter().enumerate().map(|(number, label)| {
        let kind = if number == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let span = label.span.start.min(length)..label.span.end.clamp(label.span.start.min(length), length);
        let label = (!label.text.is_empty()).then_some(label.text.as_str());
        kind.span(span).label(label)
    });
    let snippet = Snippet::source(&*diagnostic.source.text).path(&*diagnostic.source.path).annotations(annotations);
    let notes = diagnostic.notes.iter().map(|note| Element::from(Level::NOTE.message(note.as_str())));
    let help = diagnostic.help.iter().map(|help| Element::from(Level::HELP.message(help.as_str())));
    let mut title = level.primary_title(diagnostic.message.as_str());
    if !diagnostic.code.is_empty() {
        title = title.id(diagnostic.code.as_str());
    }
    // What is not about a file has no line of one.
    let snippet = (length > 0).then_some(snippet);
    let group = Group::with_title(title).elements(snippet).elements(notes).elements(help);
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let decor = if style.unicode { DecorStyle::Unicode } else { DecorStyle::Ascii };
    renderer.decor_style(decor).render(&[group])
}
