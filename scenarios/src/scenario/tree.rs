//! YAML as a tree of nodes that know where they stand.
//!
//! Anchors, aliases, tags and several documents are refused: these files are read by people.

use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::source::{Span, Spanned};

/// Nodes inside each other: a scenario needs six.
const DEEPEST: usize = 32;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// Everything else that is one word or many.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Spanned<String>, Node)>),
}

impl Value {
    /// What it is called in a message.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Why a text has no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTree {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// Reads a file of one document.
///
/// # Errors
/// The first thing that is wrong: after it, nothing can be trusted.
pub fn read(text: &Arc<str>) -> Result<Node, NoTree> {
    let mut reader = Reader { parser: Parser::new_from_str(text), offsets: offsets(text), depth: 0 };
    let mut document = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(_) if document.is_some() => {
                return Err(NoTree { message: "a file holds one document".into(), span });
            }
            Event::DocumentStart(_) => {
                let (event, span) = reader.next()?;
                document = Some(reader.node(event, span)?);
            }
            _ => {}
        }
    }
    document.ok_or_else(|| NoTree { message: "the file is empty".into(), span: Span::default() })
}

/// The byte offset of every character: the parser counts characters.
fn offsets(text: &str) -> Vec<usize> {
    text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect()
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    offsets: Vec<usize>,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), NoTree> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let span = Span { start: self.offset(span.start.index()), end: self.offset(span.end.index()) };
                Ok((event, span))
            }
            Some(Err(error)) => Err(self.broken(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn offset(&self, character: usize) -> usize {
        self.offsets.get(character).or(self.offsets.last()).copied().unwrap_or_default()
    }

    fn broken(&self, error: &ScanError) -> NoTree {
        let start = self.offset(error.marker().index());
        let end = self.offset(error.marker().index() + 1);
        NoTree { message: error.info().to_owned(), span: Span { start, end } }
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, NoTree> {
        let refused = |message: &str| Err(NoTree { message: message.into(), span });
        self.depth += 1;
        if self.depth > DEEPEST {
            return refused("nested too deeply");
        }
        let node = match event {
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return refused("tags are not used here");
            }
            Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(1.., _)
            | Event::MappingStart(1.., _)
            | Event::Alias(_) => {
                return refused("anchors and aliases are not used here");
            }
            Event::Scalar(text, style, ..) => Node { value: scalar(&text, style), span },
            Event::SequenceStart(..) => self.list(span)?,
            Event::MappingStart(..) => self.map(span)?,
            _ => return refused("a value is expected here"),
        };
        self.depth -= 1;
        Ok(node)
    }

    fn list(&mut self, start: Span) -> Result<Node, NoTree> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if let Event::SequenceEnd = event {
                let last = items.last().map(|item| item.span.end);
                return Ok(Node { value: Value::List(items), span: closed(start, span, last) });
            }
            items.push(self.node(event, span)?);
        }
    }

    fn map(&mut self, start: Span) -> Result<Node, NoTree> {
        let mut members: Vec<(Spanned<String>, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => {
                    let first = members.first().map_or(start.start, |(key, _)| key.span.start.min(start.start));
                    let last = members.last().map(|(_, value)| value.span.end);
                    let span = closed(Span { start: first, ..start }, span, last);
                    return Ok(Node { value: Value::Map(members), span });
                }
                Event::Scalar(key, ..) => Spanned::new(key.into_owned(), span),
                _ => return Err(NoTree { message: "a key must be a word".into(), span }),
            };
            if members.iter().any(|(other, _)| other.value == key.value) {
                return Err(NoTree { message: format!("`{}` stands here twice", key.value), span });
            }
            let (event, value_span) = self.next()?;
            members.push((key, self.node(event, value_span)?));
        }
    }
}

/// From the opening to the closing bracket; in block style, which has none, to the last value.
fn closed(start: Span, end: Span, last: Option<usize>) -> Span {
    let end = if end.end > end.start { end.end } else { last.unwrap_or(end.end) };
    Span { start: start.start, end: end.max(start.end) }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Number),
    }
}
