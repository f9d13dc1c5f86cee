//! The requests and commands of a target file.

use http::Method;

use super::{
    load::Loading,
    model::{Each, Provisioning, What},
    words,
};
use crate::scenario::{
    lower::Fields,
    source::Spanned,
    tree::{Node, Value},
};

const EACH: &[(&str, Each)] =
    &[("once", Each::Once), ("user", Each::User), ("key", Each::Key), ("upstream", Each::Upstream)];
const METHODS: &[(&str, Method)] = &[
    ("get", Method::GET),
    ("post", Method::POST),
    ("put", Method::PUT),
    ("patch", Method::PATCH),
    ("delete", Method::DELETE),
];

impl Loading<'_, '_> {
    /// A list of steps.
    pub(super) fn provisionings(&mut self, node: &Node) -> Vec<Provisioning> {
        let Value::List(items) = &node.value else {
            let message = format!("steps stand in a list, and this is {}", node.value.name());
            self.wrong(node.span, "S002", message, "begin with `- post: \"{url}/users\"` or `- run: command`");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.provisioning(item)).collect()
    }

    fn provisioning(&mut self, node: &Node) -> Option<Provisioning> {
        let mut fields = self.lowering.map(node, "a step")?;
        let each = fields.take("for").and_then(|node| self.lowering.word(node, "way to repeat a step", EACH));
        let each = each.unwrap_or(Each::Once);
        let also = match each {
            Each::Once => &[][..],
            Each::User => words::OF_USER,
            Each::Key => words::OF_KEY,
            Each::Upstream => words::OF_UPSTREAM,
        };
        let (run, says) = (fields.take("run"), fields.take("says"));
        let asked: Vec<(&Method, &Node)> =
            METHODS.iter().filter_map(|(name, method)| Some((method, fields.take(name)?))).collect();
        let what = match (run, says, &asked[..]) {
            (Some(run), None, []) => Some(What::Command(self.command(run, also))),
            (None, Some(says), []) => self.line(says, "`says`", also).map(What::Says),
            (None, None, [(method, url)]) => self.request(&mut fields, method, url, also),
            _ => {
                let help = "write one of `run`, `says`, `get`, `post`, `put`, `patch`, `delete`";
                self.wrong(node.span, "T020", "a step does one thing", help);
                None
            }
        };
        let capture = fields.take("capture").map(|node| self.captures(node)).unwrap_or_default();
        self.lowering.finish(&fields, "a step");
        Some(Provisioning { each, what: what?, capture, span: node.span })
    }

    fn request(&mut self, fields: &mut Fields<'_>, method: &Method, url: &Node, also: &[&'static str]) -> Option<What> {
        let url = self.line(url, "a URL", also);
        let headers = fields.take("headers").map(|node| self.lines(node, "`headers`", also)).unwrap_or_default();
        let body = fields.take("body").and_then(|node| self.template("body.json", node));
        let status = fields.take("status").and_then(|node| self.status(node));
        Some(What::Request { method: method.clone(), url: url?, headers, body, status })
    }

    fn captures(&mut self, node: &Node) -> Vec<(Spanned<String>, String)> {
        let Value::Map(members) = &node.value else {
            let message = format!("`capture` must be a map, and this is {}", node.value.name());
            self.wrong(node.span, "S002", message, "write for example `capture: { key: /data/key }`");
            return Vec::new();
        };
        let mut captures = Vec::new();
        for (name, node) in members {
            let Some(pointer) = self.lowering.text(node, "a JSON pointer") else { continue };
            if !pointer.value.starts_with('/') {
                let help = format!("write `/{}`", pointer.value.replace('.', "/"));
                self.wrong(pointer.span, "T021", "a capture is a JSON pointer into the answer", help);
            }
            captures.push((name.clone(), pointer.value));
        }
        captures
    }
}
