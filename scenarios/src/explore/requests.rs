//! The moves that send a request: polite ones, and those of somebody who tries.

use super::{
    memory::{Asking, Expected, Question, Sort, Who, tools},
    program::{Ask, Deed, Fault, Intrusion, Limit, NAMES, Pace, Progress, Server, Verb},
    script::{Author, Step, Way, expect, id, quoted},
};
use crate::scenario::model::{CredentialMode, ListKind};

impl Author<'_> {
    pub(super) fn ask(&mut self, who: Who, server: Server, ask: &Ask) {
        let way = self.way(who, server);
        let verb = self.fitting(ask.verb, way, server);
        let question = self.question(who, way, server, verb);
        let mut step = self.words(who, way, server, &question);
        if self.unlinked(who.user, server) {
            step.push(("expect", "{ refused: not-linked }".to_owned()));
            return self.step(who, way, server, step);
        }
        if !self.opened(who, way) {
            step.push(("expect", "{ refused: over-limit }".to_owned()));
            return self.step(who, way, server, step);
        }
        let generation = self.line(who, way).generation;
        let chosen = ask.id.filter(|_| self.may_choose_id(question.sort));
        if let Some(chosen) = chosen {
            step.push(("id", id(chosen)));
            if self.calls.taken(who, way, generation, chosen) {
                step.push(("expect", "{ refused: duplicate-id }".to_owned()));
                return self.step(who, way, server, step);
            }
        }
        let is_call = question.sort == Sort::Call;
        let mut told = Vec::new();
        let (mut held, mut fault) = (false, None);
        match ask.pace {
            Pace::Held => held = self.may_be_held(&question, way),
            Pace::Faulty(kind) if is_call => fault = Some(gentle(kind, question.writes())),
            _ => {}
        }
        if let (Progress::Told(token), true, None) = (ask.progress, is_call, fault) {
            step.push(("progress", token.to_string()));
            told.push(("progress", 2));
        }
        if let Some(fault) = fault {
            step.push(("fault", written(fault).to_owned()));
            let ran = u64::from(!matches!(fault, Fault::Refuse | Fault::CutBefore));
            step.push(("expect", expect(&Expected::Error, &[("executed", ran)])));
            return self.step(who, way, server, step);
        }
        let wanted = expect(&question.expected, &told);
        if held {
            let call = self.calls.hold(who, way, generation, chosen);
            call.writes = question.writes();
            call.expect = wanted;
            step.push(("held", call.label.clone()));
        } else if !wanted.is_empty() {
            step.push(("expect", wanted));
        }
        let memory = match server.remembers_sessions() {
            true => self.line(who, way).memories.entry(server).or_default(),
            false => self.accounts.entry((who.user, server)).or_default(),
        };
        memory.take(question.change);
        self.step(who, way, server, step);
    }

    /// What can be asked on a way: what is kept in a cache may be old, and a merged list has other names.
    fn fitting(&self, verb: Verb, way: Way, server: Server) -> Verb {
        let keeps = self.program.limit == Limit::Cache;
        match verb {
            Verb::List(_) if way.is_none() => Verb::List(ListKind::Tools),
            Verb::ReadAbout | Verb::ReadOwn(_) if way.is_none() => Verb::Look,
            Verb::ReadOwn(_) if keeps && server != Server::Github => Verb::ReadAbout,
            Verb::List(ListKind::Resources) if keeps => Verb::List(ListKind::Tools),
            verb => verb,
        }
    }

    /// A ping is in flight at no moment, and what comes out of a cache asks for no id.
    fn may_choose_id(&self, sort: Sort) -> bool {
        match sort {
            Sort::Ping => false,
            Sort::List(_) | Sort::Read => self.program.limit != Limit::Cache,
            Sort::Call | Sort::Get => true,
        }
    }

    fn may_be_held(&self, question: &Question, way: Way) -> bool {
        match question.sort {
            Sort::Ping => false,
            Sort::List(_) | Sort::Read => {
                self.program.limit != Limit::Cache && way.is_some() && question.expected != Expected::Error
            }
            Sort::Call | Sort::Get => true,
        }
    }

    fn question(&mut self, who: Who, way: Way, server: Server, verb: Verb) -> Question {
        let login = NAMES[who.user];
        let known_as = match self.program.credentials() {
            CredentialMode::PerUser => login,
            CredentialMode::Shared => "hub-service",
            CredentialMode::None => "nobody in particular",
        };
        let value = self.value(who);
        let memory = match server.remembers_sessions() {
            true => self.lines.get(&(who, way)).filter(|line| line.open).and_then(|line| line.memories.get(&server)),
            false => self.accounts.get(&(who.user, server)),
        };
        let mut question =
            memory.cloned().unwrap_or_default().question(&Asking { server, verb, login, known_as, value });
        if let (Sort::List(_), None) = (question.sort, way) {
            // Every server may be reached there.
            let servers = self.program.servers.clone();
            let named = servers
                .iter()
                .flat_map(|server| tools(*server).iter().map(move |tool| format!("{}/{tool}", server.name())));
            question.expected = Expected::Names(named.collect(), Vec::new());
            self.script.servers.extend(servers);
        }
        question
    }

    fn words(&self, who: Who, way: Way, server: Server, question: &Question) -> Step {
        let named = format!("{}/{}", server.name(), question.name);
        let mut step: Step = match question.sort {
            Sort::Call => vec![("call", named)],
            Sort::Get => vec![("get", named)],
            Sort::Read => vec![("read", server.name().to_owned())],
            Sort::Ping => vec![("ping", way.map_or("all", Server::name).to_owned())],
            Sort::List(_) => vec![("list", way.map_or("all", Server::name).to_owned())],
        };
        step.push(("as", self.name(who)));
        match question.sort {
            Sort::List(what) if what != ListKind::Tools => step.push(("what", list_name(what).to_owned())),
            Sort::Read => step.push(("uri", quoted(&question.name))),
            _ => {}
        }
        if !question.with.is_empty() {
            let with: Vec<String> =
                question.with.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
            step.push(("with", format!("{{ {} }}", with.join(", "))));
        }
        if way.is_none() && matches!(question.sort, Sort::Call | Sort::Get) {
            step.push(("via", "all".to_owned()));
        }
        step
    }

    /// Somebody presents a session id that is not this key's and route's, or has ended.
    pub(super) fn intrude(&mut self, who: Who, server: Server, intrusion: &Intrusion) {
        let owner = self.who(intrusion.user, intrusion.client);
        let (way, theirs) = (self.way(who, server), self.way(owner, self.server(intrusion.server)));
        let own_key = who.user == owner.user && self.key(who) == self.key(owner);
        let open = self.lines.get(&(owner, theirs)).is_some_and(|line| line.open);
        if own_key && way == theirs && open {
            return; // Nobody is kept from what is their own.
        }
        let deed = match intrusion.deed {
            Deed::Look if way.is_none() => "{ method: ping }".to_owned(),
            Deed::Look => tried(server),
            Deed::Cancel(number) => {
                format!("{{ method: notifications/cancelled, with: {{ requestId: {} }} }}", id(number))
            }
            Deed::Delete => "DELETE".to_owned(),
            Deed::Ping => "{ method: ping }".to_owned(),
            Deed::Listen => "GET".to_owned(),
        };
        let route = |way: Way| way.map_or("all", Server::name);
        let step = vec![
            ("send", deed),
            ("to", route(way).to_owned()),
            ("as", self.name(who)),
            ("session", format!("{}@{}", self.name(owner), route(theirs))),
            ("expect", "{ refused: like-unknown-session }".to_owned()),
        ];
        self.script.people.insert(owner);
        self.script.servers.extend(theirs);
        self.script.merges |= theirs.is_none();
        self.step(who, way, server, step);
    }

    /// Somebody shows a session id and no key. A session id is no credential, also for its owner.
    pub(super) fn without_key(&mut self, who: Who, server: Server) {
        let own = self.lines.get(&(who, Some(server))).is_some_and(|line| line.open);
        let session = if own { "own" } else { "absent" };
        self.stranger(who, server, "unauthorized", &[("session", session), ("token", "absent")]);
    }

    /// Somebody who does not say who they are, or in which session.
    pub(super) fn stranger(&mut self, who: Who, server: Server, refused: &str, lacks: &[(&'static str, &str)]) {
        let mut step = vec![("send", tried(server)), ("to", server.name().to_owned()), ("as", self.name(who))];
        step.extend(lacks.iter().map(|(key, value)| (*key, (*value).to_owned())));
        step.push(("expect", format!("{{ refused: {refused} }}")));
        self.step(who, Some(server), server, step);
    }
}

/// What is worth trying at a server.
fn tried(server: Server) -> String {
    let tool = if server.remembers_sessions() { "get_data" } else { "whoami" };
    format!("{{ method: tools/call, tool: {}/{tool} }}", server.name())
}

/// A call that leaves something behind is never made to fail after it ran.
fn gentle(fault: Fault, writes: bool) -> Fault {
    match fault {
        Fault::Refuse => Fault::Refuse,
        _ if writes => Fault::CutBefore,
        fault => fault,
    }
}

fn written(fault: Fault) -> &'static str {
    match fault {
        Fault::Refuse => "{ refuse: 503 }",
        Fault::CutBefore => "{ disconnect: before-executing }",
        Fault::CutAfter => "{ disconnect: after-executing }",
        Fault::NotJson => "{ malform: not-json }",
        Fault::Truncated => "{ malform: truncated-json }",
        Fault::WrongId => "{ malform: wrong-id }",
    }
}

fn list_name(what: ListKind) -> &'static str {
    match what {
        ListKind::Tools => "tools",
        ListKind::Prompts => "prompts",
        ListKind::Resources => "resources",
        ListKind::Templates => "templates",
    }
}
