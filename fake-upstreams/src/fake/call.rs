//! A tool call with everything that can go wrong.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    request::{Asked, Outcome},
    server::Fake,
};
use crate::{Basis, Cut, Entry, Fault, Kind, Malformation, servers::jira, wire::rpc};

impl Fake {
    /// `tools/call`: what stands in the way, then the tool, then what spoils its answer.
    pub(super) async fn call(self: &Arc<Self>, asked: Asked) -> Outcome {
        self.came(&asked).await;
        let _turn = self.turn().await;
        let name = asked.text("name").to_owned();
        let Some(tool) = self.tool(&asked, &name) else {
            return Outcome::Answered(self.no_tool(&asked, &name));
        };
        if !self.may(&asked.caller, tool.scope) {
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", tool.scope);
            let body = rpc::error(&asked.id, -32000, &format!("scope `{}` is required", tool.scope));
            return Outcome::Answered(Answer::json(403, &body).with_header("www-authenticate", challenge));
        }
        let faults = self.faults(&asked, &name);
        if let Some(refusal) = self.refusal(&asked, &faults).await {
            return Outcome::Answered(refusal);
        }
        if faults.contains(&Fault::Disconnect(Cut::BeforeExecuting)) {
            return Outcome::Cut;
        }
        if self.settings.kind == Kind::Lab {
            return self.play_tool(asked, &name, faults).await;
        }
        if self.settings.kind == Kind::Db && name == "ask" {
            if asked.modern.is_some() {
                let answer = self.ask_or_go_on(&asked);
                return self.spoil(&asked, faults, answer).await;
            }
            return self.ask_as_told(asked, faults.contains(&Fault::Hold));
        }
        let answer = self.execute(&asked, &name).await;
        self.spoil(&asked, faults, answer).await
    }

    pub(super) fn no_tool(&self, asked: &Asked, name: &str) -> Answer {
        self.response(asked, &rpc::error(&asked.id, -32602, &format!("no tool `{name}`")))
    }

    /// A request that is no tool call, under the same faults.
    pub(super) async fn call_anything(&self, asked: &Asked, name: &str, answer: Answer) -> Outcome {
        let faults = self.faults(asked, name);
        match self.refusal(asked, &faults).await {
            Some(refusal) => Outcome::Answered(refusal),
            None => self.spoil(asked, faults, answer).await,
        }
    }

    /// The answer to a request that is refused before it runs. Where it is held too, the refusal is what comes late.
    pub(super) async fn refusal(&self, asked: &Asked, faults: &[Fault]) -> Option<Answer> {
        let status = faults.iter().find_map(|fault| match fault {
            Fault::Refuse { status } => Some(*status),
            _ => None,
        })?;
        if faults.contains(&Fault::Hold) {
            self.hold(asked).await;
        }
        Some(Answer::empty(status))
    }

    pub(super) fn faults(&self, asked: &Asked, tool: &str) -> Vec<Fault> {
        let user = asked.caller.account.as_ref().map(|account| account.login.as_str());
        let mut state = self.lock();
        let mut faults = asked.mark().and_then(|mark| state.armed.get(mark).cloned()).unwrap_or_default();
        faults.extend(self.settings.script.fault(tool, user, &mut state.seen));
        faults
    }

    async fn execute(&self, asked: &Asked, name: &str) -> Answer {
        let upstream = self.settings.name.clone();
        self.ledger.record(Entry::Executed { upstream, exchange: asked.exchange, tool: name.to_owned() });
        let none = Map::new();
        let arguments = asked.params.get("arguments").and_then(Value::as_object).unwrap_or(&none);
        let outcome = match self.settings.kind {
            Kind::Db => self.run_db(asked, name, arguments),
            Kind::Github => self.run_github(asked, name, arguments),
            Kind::Jira => self.run_jira(asked, name, arguments).await,
            Kind::Lab => Err("`lab` plays its tools itself".to_owned()),
        };
        let outcome = self.cached(asked, outcome);
        let mark = self.mint(asked.exchange, Basis::Call);
        let (text, is_error) = match outcome {
            Ok(text) => (text, false),
            Err(text) => (text, true),
        };
        // The mark stands in the text itself: a hub may lose `_meta`, but it must deliver the text.
        let content = json!([{ "type": "text", "text": format!("{text}\n[{mark}]") }]);
        let mut result = json!({ "content": content, "isError": is_error });
        if let Some(handle) = self.handed_out(name, &text) {
            result["structuredContent"] = json!({ "context": handle });
        }
        let result = self.by_id(asked, result).await;
        self.result(asked, result)
    }

    fn run_db(&self, asked: &Asked, name: &str, arguments: &Map<String, Value>) -> Result<String, String> {
        if name == "whoami" {
            let login = asked.caller.account.as_ref().map_or("nobody in particular", |account| &account.login);
            return Ok(format!("you are {login}"));
        }
        if name == "announce" {
            return self.announce(asked, arguments);
        }
        if asked.modern.is_some() {
            let text = self.run_in_context(asked, name, arguments)?;
            self.tell_data(asked, &text);
            return Ok(text);
        }
        let text = {
            let session = self.acts_in(asked);
            let state = self.lock();
            state.sessions.get(&session).ok_or("the session was closed")?.database.run(name, arguments)?
        };
        self.tell_data(asked, &text);
        Ok(text)
    }

    fn run_github(&self, asked: &Asked, name: &str, arguments: &Map<String, Value>) -> Result<String, String> {
        let login = asked.caller.account.as_ref().map(|account| account.login.clone()).unwrap_or_default();
        let mark = self.account_mark(&login);
        let text = self.lock().host.run(self.acts_for(&login), &mark, name, arguments)?;
        self.tell_data(asked, &text);
        Ok(text)
    }

    /// Asks the service as whoever calls, and writes down what it was asked.
    async fn run_jira(&self, asked: &Asked, name: &str, arguments: &Map<String, Value>) -> Result<String, String> {
        let Some(request) = jira::tools::request(name, arguments, asked.token())? else {
            let text = arguments.get("text").and_then(Value::as_str);
            return text.map(str::to_owned).ok_or_else(|| "`text` must be a string".to_owned());
        };
        let (method, path, token) = (request.method.to_string(), request.path.clone(), request.token.clone());
        let answer = self.service.send(request).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let (upstream, exchange) = (self.settings.name.clone(), asked.exchange);
        self.ledger.record(Entry::Service { upstream, exchange, method, path, token, status });
        let answer = answer.map_err(|error| error.to_string())?;
        self.tell_data(asked, &answer.body);
        jira::tools::told(&answer)
    }

    /// Writes down whose data at rest stands in a text: this session's, or an account's.
    pub(super) fn tell_data(&self, asked: &Asked, text: &str) {
        let of_session = self.lock().sessions.get(&asked.session).map(|session| session.mark.clone());
        if let Some(mark) = of_session.filter(|mark| text.contains(mark)) {
            self.tell_mark(asked.exchange, &mark, Basis::Session { session: asked.session.clone() });
        }
        self.tell_contexts(asked.exchange, text);
        for (login, mark) in self.account_marks() {
            if text.contains(&mark) {
                self.tell_mark(asked.exchange, &mark, Basis::Account { login });
            }
        }
    }

    /// What becomes of an answer that is ready.
    pub(super) async fn spoil(&self, asked: &Asked, faults: Vec<Fault>, answer: Answer) -> Outcome {
        let mut answer = answer;
        for fault in faults {
            match fault {
                Fault::Hold => {
                    self.hold(asked).await;
                }
                Fault::Delay(by) => {
                    if !self.delay(asked, by).await {
                        return Outcome::Cut;
                    }
                }
                Fault::Disconnect(_) => return Outcome::Cut,
                Fault::Malform(how) => answer = malform(asked, answer, how),
                Fault::Refuse { .. } => {}
            }
        }
        Outcome::Answered(answer)
    }

    pub(super) async fn hold(&self, asked: &Asked) {
        let mark = asked.mark().map(str::to_owned);
        let name = mark.clone().unwrap_or_else(|| format!("exchange {}", asked.exchange));
        let upstream = self.settings.name.clone();
        self.ledger.record(Entry::Parked { upstream, exchange: asked.exchange, mark: mark.clone() });
        let _leaving = Left { fake: self, exchange: asked.exchange, mark };
        self.gate.wait(&name).await;
    }
}

/// Writes down that a call left the gate, also where its connection went away under it.
struct Left<'f> {
    fake: &'f Fake,
    exchange: u64,
    mark: Option<String>,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        let upstream = self.fake.settings.name.clone();
        self.fake.ledger.record(Entry::Released { upstream, exchange: self.exchange, mark: self.mark.take() });
    }
}

fn malform(asked: &Asked, answer: Answer, how: Malformation) -> Answer {
    let body = answer.body();
    let with_body = |body: String| Answer { chunks: vec![body], ..answer.clone() };
    match how {
        Malformation::NotJson => with_body("<html>this is not the page you are looking for</html>\n\n".into()),
        Malformation::TruncatedJson => with_body(body.chars().take(body.chars().count() * 2 / 3).collect()),
        Malformation::NoBody => Answer { chunks: Vec::new(), ..answer },
        Malformation::WrongId => {
            let wrong = format!("\"id\":{}", json!("nobody-asked-with-this-id"));
            with_body(body.replacen(&format!("\"id\":{}", asked.id), &wrong, 1))
        }
        Malformation::ResultAndError => {
            let both = "\"error\":{\"code\":-32603,\"message\":\"and a result\"},\"result\":";
            with_body(body.replacen("\"result\":", both, 1))
        }
    }
}
