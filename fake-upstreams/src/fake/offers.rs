//! Lists page by page, and what is offered besides tools: prompts, resources, completions.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    request::Asked,
    server::{Cursor, Fake, Holder},
};
use crate::{
    Basis, Kind,
    servers::{
        Tool,
        github::Host,
        lab::{changes::Change, offers as lab},
        offers::{ABOUT, Prompt, Shelf, prompts, stateless_templates, templates},
    },
    wire::rpc,
};

impl Fake {
    /// One page of a list, with the call's mark in its first item.
    pub(super) fn list(&self, asked: &Asked, method: &str) -> Answer {
        let is_lab = self.settings.kind == Kind::Lab;
        let (member, items) = match method {
            "tools/list" => {
                let mine =
                    self.tools_for(asked).iter().filter(|tool| tool.listed && self.may(&asked.caller, tool.scope));
                ("tools", mine.map(Tool::json).chain(self.added(asked, Change::Tools)).collect())
            }
            "prompts/list" if is_lab => {
                let prompts = lab::prompts(asked.modern.is_some()).into_iter();
                ("prompts", prompts.chain(self.added(asked, Change::Prompts)).collect())
            }
            "resources/list" if is_lab => ("resources", lab::resources()),
            "resources/templates/list" if is_lab => ("resourceTemplates", lab::templates()),
            "prompts/list" => ("prompts", prompts(self.settings.kind).iter().map(Prompt::json).collect()),
            "resources/list" => match self.shelf(asked) {
                Ok(shelf) => ("resources", shelf.resources.iter().map(|(uri, _)| resource(uri)).collect()),
                Err(problem) => return self.wrong(asked, -32603, &problem),
            },
            _ => {
                let template = |uri: &&str| json!({ "uriTemplate": uri, "name": uri, "description": "By name." });
                ("resourceTemplates", self.templates(asked).iter().map(template).collect::<Vec<_>>())
            }
        };
        let Some(start) = self.start(asked, method) else {
            return self.wrong(asked, -32602, "this cursor was not given to this session");
        };
        let size = self.settings.page.unwrap_or(usize::MAX);
        let more = items.len() > start.saturating_add(size);
        let mut page: Vec<Value> = items.into_iter().skip(start).take(size).collect();
        let mark = self.mint(asked.exchange, self.basis(asked));
        if let Some(first) = page.first_mut() {
            first["description"] = format!("{} ({mark})", first["description"].as_str().unwrap_or_default()).into();
        }
        let mut result = json!({ member: page });
        if more {
            let cursor = self.mint(asked.exchange, self.basis(asked));
            let place = Cursor { holder: self.holder(asked), method: method.to_owned(), next: start + size };
            self.lock().cursors.insert(cursor.clone(), place);
            result["nextCursor"] = cursor.into();
        }
        self.result(asked, result)
    }

    fn templates(&self, asked: &Asked) -> &'static [&'static str] {
        if asked.modern.is_some() { stateless_templates(self.settings.kind) } else { templates(self.settings.kind) }
    }

    /// Who may go on with a list that was asked for like this.
    fn holder(&self, asked: &Asked) -> Holder {
        match asked.modern {
            None => Holder::Session(asked.session.clone()),
            Some(_) if self.is_public(asked) => Holder::Anyone,
            Some(_) => Holder::Credential(asked.caller.holder()),
        }
    }

    /// Where this page begins; `None` for a cursor that whoever asks was not given for this list.
    fn start(&self, asked: &Asked, method: &str) -> Option<usize> {
        let Some(cursor) = asked.params.get("cursor") else { return Some(0) };
        let place = self.lock().cursors.get(cursor.as_str()?).cloned()?;
        (place.holder == self.holder(asked) && place.method == method).then_some(place.next)
    }

    /// `prompts/get`, `resources/read`, `completion/complete`.
    pub(super) fn offer(self: &Arc<Self>, asked: &Asked, method: &str) -> Answer {
        if self.settings.kind == Kind::Lab {
            return self.offer_of_lab(asked, method);
        }
        let shelf = match self.shelf(asked) {
            Ok(shelf) => shelf,
            Err(problem) => return self.wrong(asked, -32603, &problem),
        };
        let text = |name: &str| asked.text(name);
        let none = Map::new();
        match method {
            "prompts/get" => {
                if !prompts(self.settings.kind).iter().any(|prompt| prompt.name == text("name")) {
                    return self.wrong(asked, -32602, &format!("no prompt `{}`", text("name")));
                }
                let arguments = asked.params.get("arguments").and_then(Value::as_object).unwrap_or(&none);
                let text = self.marked(asked, &shelf.prompt(text("name"), arguments));
                let message = json!({ "role": "user", "content": { "type": "text", "text": text } });
                self.result(asked, json!({ "messages": [message] }))
            }
            "resources/read" => match shelf.read(text("uri")) {
                Some(content) => {
                    let content =
                        json!({ "uri": text("uri"), "mimeType": "text/plain", "text": self.marked(asked, content) });
                    self.result(asked, json!({ "contents": [content] }))
                }
                None => self.no_resource(asked),
            },
            _ => {
                let start = asked.params.get("argument").and_then(|a| a.get("value")?.as_str()).unwrap_or_default();
                let mark = self.mint(asked.exchange, Basis::Call);
                let mut values = shelf.complete(start);
                self.tell_data(asked, &values.join(" "));
                values.push(&mark);
                self.result(asked, json!({ "completion": { "values": values, "hasMore": false } }))
            }
        }
    }

    fn offer_of_lab(self: &Arc<Self>, asked: &Asked, method: &str) -> Answer {
        match method {
            "prompts/get" => self.play_prompt(asked),
            "resources/read" => match lab::read(asked.text("uri")) {
                Some(content) => self.marked_result(asked, json!({ "contents": [content] })),
                None => self.no_resource(asked),
            },
            _ => {
                let start = asked.params.get("argument").and_then(|a| a.get("value")?.as_str()).unwrap_or_default();
                let values = lab::complete(start);
                let completion = json!({ "values": values, "total": values.len(), "hasMore": false });
                self.marked_result(asked, json!({ "completion": completion }))
            }
        }
    }

    fn shelf(&self, asked: &Asked) -> Result<Shelf, String> {
        match self.settings.kind {
            Kind::Db if asked.modern.is_some() => self.context_shelf(asked),
            Kind::Db => {
                let state = self.lock();
                state.sessions.get(&asked.session).ok_or("the session was closed")?.database.shelf()
            }
            Kind::Jira | Kind::Lab => {
                Ok(Shelf { resources: vec![(ABOUT.to_owned(), "an issue tracker".to_owned())], ..Shelf::default() })
            }
            Kind::Github => {
                let login = asked.caller.account.as_ref().map(|account| account.login.clone()).unwrap_or_default();
                let mark = self.account_mark(&login);
                Ok(Host::shelf(&login, &mark))
            }
        }
    }

    /// A text with the mark of this call in it, and every mark of data at rest written down.
    fn marked(&self, asked: &Asked, text: &str) -> String {
        self.tell_data(asked, text);
        format!("{text}\n[{}]", self.mint(asked.exchange, self.basis(asked)))
    }

    /// The stateless era has no code of its own for it, and says which URI it was.
    fn no_resource(&self, asked: &Asked) -> Answer {
        let uri = asked.text("uri");
        let code = if asked.modern.is_some() { -32602 } else { -32002 };
        let mut body = rpc::error(&asked.id, code, &format!("no resource `{uri}`"));
        body["error"]["data"] = json!({ "uri": uri });
        self.response(asked, &body)
    }

    pub(super) fn wrong(&self, asked: &Asked, code: i64, message: &str) -> Answer {
        self.response(asked, &rpc::error(&asked.id, code, message))
    }
}

fn resource(uri: &str) -> Value {
    json!({ "uri": uri, "name": uri, "description": "A text.", "mimeType": "text/plain" })
}
