//! What must come of a step.

use super::{
    super::{
        grammar,
        model::{Expectation, Refusal, TextMatch},
        source::Spanned,
        tree::{Node, Value},
    },
    Lowering,
};

const REFUSALS: &[(&str, Refusal)] = &[
    ("like-unknown-session", Refusal::LikeUnknownSession),
    ("unauthorized", Refusal::Unauthorized),
    ("missing-session", Refusal::MissingSession),
    ("forbidden", Refusal::Forbidden),
    ("not-linked", Refusal::NotLinked),
    ("over-limit", Refusal::OverLimit),
    ("duplicate-id", Refusal::DuplicateId),
    ("like-unknown-state", Refusal::LikeUnknownState),
    ("like-unknown-handle", Refusal::LikeUnknownHandle),
    ("header-mismatch", Refusal::HeaderMismatch),
    ("missing-capability", Refusal::MissingCapability),
    ("unsupported-version", Refusal::UnsupportedVersion),
    ("missing-meta", Refusal::MissingMeta),
    ("unknown-method", Refusal::UnknownMethod),
];

impl Lowering<'_> {
    pub(super) fn expectations(&mut self, node: &Node, verb: &str) -> Vec<Spanned<Expectation>> {
        let Some(mut fields) = self.map(node, "`expect`") else { return Vec::new() };
        let mut all = Vec::new();
        for (name, _) in grammar::EXPECT {
            let Some(node) = fields.take(name) else { continue };
            if !fits(name, verb) {
                let message = format!("`{name}` cannot be expected of `{verb}`");
                self.wrong_help(
                    "S060",
                    node.span,
                    message,
                    format!("`{verb}` can be expected to: {}", fitting(verb).join(", ")),
                );
                continue;
            }
            if let Some(expectation) = self.expectation(name, node) {
                all.push(Spanned::new(expectation, node.span));
            }
        }
        self.finish(&fields, "`expect`");
        if let Value::Map(members) = &node.value
            && members.is_empty()
        {
            self.wrong("S061", node.span, "an empty `expect` promises nothing");
        }
        all
    }

    fn expectation(&mut self, name: &str, node: &Node) -> Option<Expectation> {
        match name {
            "text" => self.text_match(node).map(Expectation::Text),
            "error" => self.text_match(node).map(Expectation::Error),
            "answered" => self.answered(node),
            "before" => self.text(node, "a label").map(|label| Expectation::Before(label.value)),
            "tools" | "names" => {
                let mut fields = self.map(node, "a condition on a list")?;
                let mut names = |key| fields.take(key).map(|node| self.texts(node, "a name")).unwrap_or_default();
                let (contains, excludes) = (names("contains"), names("excludes"));
                self.finish(&fields, "a condition on a list");
                let values = |names: Vec<Spanned<String>>| names.into_iter().map(|name| name.value).collect();
                Some(Expectation::Names { contains: values(contains), excludes: values(excludes) })
            }
            "refused" => self.word(node, "reason of a refusal", REFUSALS).map(Expectation::Refused),
            "status" => self.http_status(node).map(Expectation::Status),
            "sessions" => {
                let mut fields = self.map(node, "`sessions`")?;
                let mut count = |key| fields.take(key).and_then(|node| self.count(node, key));
                let (opened, open) = (count("opened"), count("open"));
                self.finish(&fields, "`sessions`");
                Some(Expectation::Sessions { opened, open })
            }
            "progress" => self.count(node, "`progress`").map(Expectation::Progress),
            "logs" => self.count(node, "`logs`").map(Expectation::Logs),
            "told" => self.text_match(node).map(Expectation::Told),
            "answers" => self.count(node, "`answers`").map(Expectation::Answers),
            "scope" => {
                let scopes = [("private", "private"), ("public", "public")];
                self.word(node, "scope of a cache", &scopes).map(|scope| Expectation::Scope(scope.to_owned()))
            }
            "fresh-for" => self.count(node, "`fresh-for`").map(Expectation::FreshFor),
            "reached" => self.count(node, "`reached`").map(Expectation::Reached),
            "executed" => self.count(node, "`executed`").map(Expectation::Executed),
            _ => self.count(node, "`canceled`").map(Expectation::Canceled),
        }
    }

    /// `anyhow`, or a map with `excludes`.
    fn answered(&mut self, node: &Node) -> Option<Expectation> {
        let Value::Map(_) = &node.value else {
            let anyhow = self.word(node, "answer", &[("anyhow", Vec::new())]);
            return anyhow.map(|excludes| Expectation::Answered { excludes });
        };
        let mut fields = self.map(node, "a condition on an answer")?;
        let excludes = self.required(&mut fields, "excludes", "a condition on an answer");
        let excludes = excludes.map(|node| self.texts(node, "a part of the answer")).unwrap_or_default();
        self.finish(&fields, "a condition on an answer");
        Some(Expectation::Answered { excludes: excludes.into_iter().map(|text| text.value).collect() })
    }

    /// `any`, a text or list that it contains, or a map with `contains`, `excludes` or `exactly`.
    fn text_match(&mut self, node: &Node) -> Option<TextMatch> {
        let values = |texts: Vec<Spanned<String>>| texts.into_iter().map(|text| text.value).collect();
        match &node.value {
            Value::Text(text) if text == "any" => Some(TextMatch::Any),
            Value::Map(_) => {
                let mut fields = self.map(node, "a condition on a text")?;
                let contains = fields.take("contains").map(|node| values(self.texts(node, "a part of the text")));
                let excludes = fields.take("excludes").map(|node| values(self.texts(node, "a part of the text")));
                let exactly = fields.take("exactly").and_then(|node| self.text(node, "the whole text"));
                self.finish(&fields, "a condition on a text");
                match (contains, excludes, exactly) {
                    (Some(parts), None, None) => Some(TextMatch::Contains(parts)),
                    (None, Some(parts), None) => Some(TextMatch::Excludes(parts)),
                    (None, None, Some(whole)) => Some(TextMatch::Exactly(whole.value)),
                    _ => {
                        self.wrong("S062", node.span, "one of `contains`, `excludes` and `exactly` is needed");
                        None
                    }
                }
            }
            _ => Some(TextMatch::Contains(values(self.texts(node, "a part of the text")))),
        }
    }
}

/// Whether this can be expected of that verb.
fn fits(name: &str, verb: &str) -> bool {
    match verb {
        "census" => name == "sessions",
        "cancel" => matches!(name, "canceled" | "status"),
        "drop" => name == "canceled",
        "close" => matches!(name, "status" | "refused"),
        "batch" => matches!(name, "answers" | "status"),
        "wait-for" => name == "told",
        "open" => matches!(name, "status" | "refused"),
        "call" | "get" | "complete" | "initialize" | "ping" | "send" if matches!(name, "fresh-for" | "reached") => {
            false
        }
        "answer" => matches!(name, "status" | "text" | "error" | "refused" | "answered" | "executed"),
        "list" => !matches!(name, "sessions" | "canceled" | "executed" | "progress" | "logs" | "answers" | "told"),
        "await" => !matches!(name, "sessions" | "canceled" | "answers" | "told" | "before"),
        "call" => !matches!(name, "sessions" | "canceled" | "answers" | "tools" | "names" | "told"),
        _ => !matches!(name, "sessions" | "canceled" | "answers" | "tools" | "names" | "progress" | "logs" | "told"),
    }
}

fn fitting(verb: &str) -> Vec<&'static str> {
    grammar::EXPECT.iter().map(|(name, _)| *name).filter(|name| fits(name, verb)).collect()
}
