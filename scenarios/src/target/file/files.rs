//! The files that a target file has written for its program, each from a template that is checked while it is loaded.

use std::{fs, path::Path};

use super::{
    load::Loading,
    model::{Template, Written},
};
use crate::scenario::{
    source::Source,
    tree::{Node, Value},
};

impl Loading<'_, '_> {
    pub(super) fn files(&mut self, node: &Node) -> Vec<Written> {
        let Value::List(items) = &node.value else {
            self.wrong(
                node.span,
                "S002",
                format!("`files` must be a list, and this is {}", node.value.name()),
                "begin with `- to: name`",
            );
            return Vec::new();
        };
        items.iter().filter_map(|item| self.written(item)).collect()
    }

    fn written(&mut self, node: &Node) -> Option<Written> {
        let mut fields = self.lowering.map(node, "a file")?;
        let to = self.lowering.required(&mut fields, "to", "a file").and_then(|node| self.lowering.text(node, "`to`"));
        let to = to?;
        if Path::new(&to.value).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            self.wrong(
                to.span,
                "T006",
                "a file is written below `{dir}`",
                "write a plain name, for example `hub.json`",
            );
        }
        let template = match (fields.take("template"), fields.take("text")) {
            (Some(node), None) => self.template_file(&to.value, node),
            (None, Some(node)) => self.template(&to.value, node),
            _ => {
                self.wrong(
                    node.span,
                    "T007",
                    "a file has `template` or `text`",
                    "add `template: file.json.j2` beside `to`",
                );
                None
            }
        };
        self.lowering.finish(&fields, "a file");
        Some(Written { to: to.value, template: template? })
    }

    /// A template in a file beside the target file.
    fn template_file(&mut self, name: &str, node: &Node) -> Option<Template> {
        let path = self.lowering.text(node, "`template`")?;
        let file = self.folder.join(&path.value);
        match fs::read_to_string(&file) {
            Ok(text) => {
                let source = Source { path: file.display().to_string().into(), text: text.into() };
                self.checked(Template { name: name.to_owned(), source })
            }
            Err(error) => {
                self.wrong(path.span, "T008", format!("{}: {error}", file.display()), "name a file beside this one");
                None
            }
        }
    }

    /// A template in the target file itself.
    pub(super) fn template(&mut self, name: &str, node: &Node) -> Option<Template> {
        let text = self.lowering.text(node, "a template")?;
        let path = format!("{}, text of {name}", self.lowering.source.path);
        self.checked(Template { name: name.to_owned(), source: Source { path: path.into(), text: text.value.into() } })
    }

    fn checked(&mut self, template: Template) -> Option<Template> {
        match template.check() {
            Ok(()) => Some(template),
            Err(told) => {
                self.lowering.found.push(*told);
                None
            }
        }
    }
}
