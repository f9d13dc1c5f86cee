//! From the text of a target file to its model. Every problem is told in one go, each with its line.

use std::{collections::BTreeMap, path::Path, sync::OnceLock, time::Duration};

use globset::Glob;
use rustix::process::Signal;

use super::{
    fill::placeholders,
    model::{HubFile, Life, Naming, Program, Provisioning, Reach, Ready, Start, TargetFile},
    words,
};
use crate::{
    diagnostics::{Diagnostic, nearest},
    registry::Registry,
    scenario::{
        lower::{Fields, Lowering, lowered},
        source::{Source, Span, Spanned},
        tree::{Node, Value},
    },
    target::Promises,
    trace::{
        facts::{Answers, IdentityHeaders, Logs, Refusals, Sharing},
        recorder::Secret,
    },
};

/// How long a hub may take to be ready, and to end, where the file says nothing.
const WITHIN: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(5);

/// Loads a target file: of a server where it has the key `server`, of a hub otherwise.
///
/// # Errors
/// Everything that is wrong with it and with its templates; a syntax error comes alone.
pub fn load(source: &Source, folder: &Path) -> Result<TargetFile, Vec<Diagnostic>> {
    lowered(source, &Registry::default(), |lowering, root| {
        let mut fields = lowering.map(root, "a target file")?;
        let mut loading = Loading { lowering, folder };
        match fields.take("server") {
            Some(name) => loading.server(name, &mut fields).map(TargetFile::Server),
            None => loading.hub(&mut fields).map(TargetFile::Hub),
        }
    })
}

/// One target file being loaded.
pub(super) struct Loading<'l, 's> {
    pub(super) lowering: &'l mut Lowering<'s>,
    pub(super) folder: &'l Path,
}

/// What a hub and a server say each in their own way.
pub(super) struct Own {
    pub(super) name: Option<Spanned<String>>,
    pub(super) reach: Option<Reach>,
    pub(super) provision: Vec<Provisioning>,
    pub(super) revoke: Vec<Provisioning>,
    pub(super) promises: Promises,
    pub(super) tokens: BTreeMap<String, Secret>,
}

impl Loading<'_, '_> {
    fn hub(&mut self, fields: &mut Fields<'_>) -> Option<HubFile> {
        let name = self.lowering.required(fields, "hub", "a target file");
        let name = name.and_then(|node| self.lowering.text(node, "`hub`"));
        let provision = fields.take("provision").map(|node| self.provisionings(node)).unwrap_or_default();
        let reach = self.lowering.required(fields, "reach", "a target file").and_then(|node| self.reach(node));
        let naming = fields.take("naming").and_then(|node| self.naming(node));
        let naming = naming.unwrap_or_else(|| Naming::Template("{upstream}__{name}".to_owned()));
        let mut promises = fields.take("promises").map_or_else(default_promises, |node| self.promises(node));
        if let Naming::Template(template) = &naming {
            promises.naming.clone_from(template);
        }
        let revoke = fields.take("revoke").map(|node| self.provisionings(node)).unwrap_or_default();
        let listed = fields.take("supports");
        let supports = listed.map(|node| self.supports(node)).unwrap_or_default();
        if let Some(node) = listed.filter(|_| revoke.is_empty() && supports.iter().any(|name| name == "revoke")) {
            let help = "write the requests or commands under `revoke`, or leave it out of `supports`";
            self.wrong(node.span, "T016", "`revoke` is supported, and nothing says how", help);
        }
        let known: Vec<&str> = words::OPTIONAL.iter().chain(words::EXPECTED).map(|(name, _)| *name).collect();
        let own = Own { name, reach, provision, revoke, promises, tokens: BTreeMap::new() };
        let program = self.program(fields, own, &known)?;
        Some(HubFile { program, naming, learned: OnceLock::new(), supports })
    }

    /// What a hub and a server say alike, with what each of them says in its own way. `known` are capabilities that it
    /// may lack. Nothing is read of the file after this.
    pub(super) fn program(&mut self, fields: &mut Fields<'_>, own: Own, known: &[&str]) -> Option<Program> {
        let life = self.life(fields);
        let files = fields.take("files").map(|node| self.files(node)).unwrap_or_default();
        let prepare = fields.take("prepare").map(|node| self.provisionings(node)).unwrap_or_default();
        let unsupported = fields.take("unsupported").map(|node| self.unsupported(node, known)).unwrap_or_default();
        let excluded = fields.take("excluded").map(|node| self.excluded(node)).unwrap_or_default();
        self.lowering.finish(fields, "a target file");
        if matches!(life, Some(Life::Running(_))) && !files.is_empty() {
            let message = "files are written before a program starts, and this one runs already";
            self.wrong(fields.span, "T003", message, "leave `files` out, or start it with `start`");
        }
        Some(Program {
            name: own.name?.value,
            source: self.lowering.source.clone(),
            folder: self.folder.to_owned(),
            life: life?,
            files,
            prepare,
            provision: own.provision,
            revoke: own.revoke,
            reach: own.reach?,
            promises: own.promises,
            unsupported,
            excluded,
            tokens: own.tokens,
        })
    }

    pub(super) fn wrong(&mut self, span: Span, code: &str, message: impl Into<String>, help: impl Into<String>) {
        let start = Span { start: span.start, end: span.end.min(span.start + 1).max(span.start) };
        self.lowering.wrong_help(code, if span.end - span.start > 200 { start } else { span }, message, help);
    }

    fn life(&mut self, fields: &mut Fields<'_>) -> Option<Life> {
        let (start, url) = (fields.take("start"), fields.take("url"));
        match (start, url) {
            (Some(start), None) => self.start(start).map(Life::Started),
            (None, Some(url)) => {
                let url = self.lowering.text(url, "`url`")?;
                if !url.value.starts_with("http://") {
                    self.wrong(
                        url.span,
                        "T002",
                        "a running target is reached over plain HTTP",
                        "write `http://host:port`",
                    );
                }
                Some(Life::Running(url.value.trim_end_matches('/').to_owned()))
            }
            (Some(_), Some(url)) => {
                self.wrong(url.span, "T001", "both `start` and `url`", "leave one of them out");
                None
            }
            (None, None) => {
                self.wrong(
                    Span { start: fields.span.start, end: fields.span.start + 1 },
                    "T001",
                    "neither `start` nor `url`: nobody knows how to get at this target",
                    "add `start:` with its command, or `url:` of one that runs",
                );
                None
            }
        }
    }

    fn start(&mut self, node: &Node) -> Option<Start> {
        let mut fields = self.lowering.map(node, "`start`")?;
        let command = self.lowering.required(&mut fields, "command", "`start`");
        let command = command.map(|node| self.command(node, &[])).unwrap_or_default();
        let folder = fields.take("in").and_then(|node| self.line(node, "`in`", &[]));
        let environment = fields.take("env").map(|node| self.lines(node, "`env`", &[])).unwrap_or_default();
        let ready = self.lowering.required(&mut fields, "ready", "`start`").and_then(|node| self.ready(node));
        let (signal, grace) = fields.take("stop").map_or((Signal::TERM, GRACE), |node| self.stop(node));
        self.lowering.finish(&fields, "`start`");
        let (ready, within) = ready?;
        Some(Start { command, folder, environment, ready, within, signal, grace })
    }

    fn ready(&mut self, node: &Node) -> Option<(Ready, Duration)> {
        let mut fields = self.lowering.map(node, "`ready`")?;
        let status = fields.take("status").and_then(|node| self.status(node));
        let http = fields.take("http").and_then(|node| self.line(node, "`http`", &[]));
        let tcp = fields.take("tcp").and_then(|node| match node.value {
            Value::Number(port) => Some(Spanned::new(port.to_string(), node.span)),
            _ => self.line(node, "`tcp`", &[]),
        });
        let says = fields.take("says").and_then(|node| self.lowering.text(node, "`says`"));
        let within = fields.take("within").and_then(|node| self.lowering.time(node, "`within`")).unwrap_or(WITHIN);
        self.lowering.finish(&fields, "`ready`");
        let ready = match (http, tcp, says) {
            (Some(url), None, None) => Ready::Http(url, status),
            (None, Some(port), None) => Ready::Tcp(port),
            (None, None, Some(words)) => Ready::Says(words.value),
            _ => {
                let help = "add one of `http: \"{url}/health\"`, `tcp: \"{port}\"`, `says: words of a line`";
                self.wrong(node.span, "T004", "`ready` names one sign", help);
                return None;
            }
        };
        Some((ready, within))
    }

    fn stop(&mut self, node: &Node) -> (Signal, Duration) {
        let Some(mut fields) = self.lowering.map(node, "`stop`") else { return (Signal::TERM, GRACE) };
        let signals = [("term", Signal::TERM), ("int", Signal::INT), ("kill", Signal::KILL)];
        let signal = fields.take("signal").and_then(|node| self.lowering.word(node, "signal", &signals));
        let within = fields.take("within").and_then(|node| self.lowering.time(node, "`within`"));
        self.lowering.finish(&fields, "`stop`");
        (signal.unwrap_or(Signal::TERM), within.unwrap_or(GRACE))
    }

    pub(super) fn status(&mut self, node: &Node) -> Option<u16> {
        let status = self.lowering.count(node, "`status`")?;
        let status = u16::try_from(status).ok().filter(|status| (100..600).contains(status));
        if status.is_none() {
            self.wrong(node.span, "T005", "no HTTP status", "write a number from 100 to 599");
        }
        status
    }

    fn reach(&mut self, node: &Node) -> Option<Reach> {
        let mut fields = self.lowering.map(node, "`reach`")?;
        let upstream = fields.take("upstream").and_then(|node| self.line(node, "`upstream`", &["upstream"]));
        let group = fields.take("group").and_then(|node| self.line(node, "`group`", &["group"]));
        let all = fields.take("all").and_then(|node| self.line(node, "`all`", &[]));
        let header = fields.take("header").map(|node| self.lines(node, "`header`", &["key"])).unwrap_or_default();
        self.lowering.finish(&fields, "`reach`");
        for url in [&upstream, &group, &all].into_iter().flatten() {
            if !(url.value.starts_with("http://") || url.value.starts_with("{url}")) {
                self.wrong(url.span, "T002", "a hub is reached over plain HTTP", "begin with `{url}` or `http://`");
            }
        }
        if upstream.is_none() {
            let help = "add `upstream: \"{url}/{upstream}/mcp\"`; a hub with one merged route only can be asked with one upstream behind it";
            self.wrong(node.span, "T009", "`reach` does not say where an upstream is reached", help);
        }
        let header = header.into_iter().next().map(|(name, value)| (name.to_lowercase(), value.value));
        Some(Reach { upstream, group, all, header })
    }

    fn naming(&mut self, node: &Node) -> Option<Naming> {
        let text = self.lowering.text(node, "`naming`")?;
        if text.value == "learned" {
            return Some(Naming::Learned);
        }
        if !text.value.contains("{name}") {
            self.wrong(
                text.span,
                "T010",
                "`naming` has no `{name}`",
                "write for example `{upstream}__{name}`, or `learned`",
            );
        }
        Some(Naming::Template(text.value))
    }

    fn promises(&mut self, node: &Node) -> Promises {
        let mut promises = default_promises();
        let Some(mut fields) = self.lowering.map(node, "`promises`") else { return promises };
        let sharing =
            [("per-session", Sharing::PerSession), ("per-user", Sharing::PerUser), ("shared", Sharing::Shared)];
        let identity = [("promised", IdentityHeaders::Promised), ("not-promised", IdentityHeaders::NotPromised)];
        let refusals = [("identical", Refusals::Identical), ("similar", Refusals::Similar)];
        let logs = [("promised", Logs::Promised), ("not-promised", Logs::NotPromised)];
        let answers = [("verbatim", Answers::Verbatim), ("alike", Answers::Alike)];
        self.lowering.choice(&mut fields, "sharing", "sharing level", &sharing, &mut promises.sharing);
        self.lowering.choice(&mut fields, "identity-headers", "promise", &identity, &mut promises.identity_headers);
        self.lowering.choice(&mut fields, "refusals", "promise", &refusals, &mut promises.refusals);
        self.lowering.choice(&mut fields, "logs", "promise", &logs, &mut promises.logs);
        self.lowering.choice(&mut fields, "answers", "promise", &answers, &mut promises.answers);
        self.lowering.finish(&fields, "`promises`");
        promises
    }

    fn supports(&mut self, node: &Node) -> Vec<String> {
        let known: Vec<&str> = words::OPTIONAL.iter().map(|(name, _)| *name).collect();
        let named = self.lowering.texts(node, "a capability");
        for name in named.iter().filter(|name| !known.contains(&name.value.as_str())) {
            self.lowering.unknown("T011", name, "optional capability", &known);
        }
        named.into_iter().map(|name| name.value).collect()
    }

    fn unsupported(&mut self, node: &Node, known: &[&str]) -> BTreeMap<String, String> {
        let mut reasons = BTreeMap::new();
        for (name, reason) in self.members(node, "`unsupported`") {
            if !known.contains(&name.value.as_str()) {
                self.lowering.unknown("T012", &name, "capability", known);
            }
            reasons.insert(name.value, reason.value);
        }
        reasons
    }

    fn excluded(&mut self, node: &Node) -> Vec<(globset::GlobMatcher, String)> {
        let mut excluded = Vec::new();
        for (pattern, reason) in self.members(node, "`excluded`") {
            match Glob::new(&pattern.value) {
                Ok(glob) => excluded.push((glob.compile_matcher(), reason.value)),
                Err(error) => self.wrong(
                    pattern.span,
                    "T013",
                    format!("no pattern: {}", error.kind()),
                    "write an id, for example `session/*`",
                ),
            }
        }
        excluded
    }

    /// A map of texts, each with its key.
    fn members(&mut self, node: &Node, what: &str) -> Vec<(Spanned<String>, Spanned<String>)> {
        let members = self.lowering.entries(node, what, "write `name: reason`");
        members.iter().filter_map(|(name, node)| Some((name.clone(), self.lowering.text(node, what)?))).collect()
    }

    /// One line with placeholders, each of which must be known here.
    pub(super) fn line(&mut self, node: &Node, what: &str, also: &[&'static str]) -> Option<Spanned<String>> {
        let text = match node.value {
            Value::Number(number) => Spanned::new(number.to_string(), node.span),
            _ => self.lowering.text(node, what)?,
        };
        for (name, _) in placeholders(&text.value) {
            let known: Vec<&str> = words::ANYWHERE.iter().map(|(name, _)| *name).chain(also.iter().copied()).collect();
            if known.contains(&name) || name.starts_with("env.") || name.starts_with("captured.") {
                continue;
            }
            let help = nearest(name, known.iter().copied()).map_or_else(
                || format!("known here: {}", known.join(", ")),
                |near| format!("did you mean `{{{near}}}`?"),
            );
            self.wrong(node.span, "T014", format!("there is no placeholder `{{{name}}}` here"), help);
        }
        Some(text)
    }

    /// A map of lines.
    pub(super) fn lines(&mut self, node: &Node, what: &str, also: &[&'static str]) -> Vec<(String, Spanned<String>)> {
        let members = self.lowering.entries(node, what, "write `name: value`");
        members.iter().filter_map(|(name, node)| Some((name.value.clone(), self.line(node, what, also)?))).collect()
    }

    /// Program and arguments: a list, or one text that is split at blanks.
    pub(super) fn command(&mut self, node: &Node, also: &[&'static str]) -> Vec<Spanned<String>> {
        let parts: Vec<Spanned<String>> = match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.line(item, "an argument", also)).collect(),
            _ => match self.line(node, "a command", also) {
                Some(line) => {
                    line.value.split_whitespace().map(|part| Spanned::new(part.to_owned(), line.span)).collect()
                }
                None => return Vec::new(),
            },
        };
        if parts.is_empty() {
            self.wrong(node.span, "T015", "an empty command", "write the program and its arguments");
        }
        parts
    }
}

/// What a hub is held to where its file says nothing.
pub(super) fn default_promises() -> Promises {
    Promises {
        sharing: Sharing::PerSession,
        identity_headers: IdentityHeaders::NotPromised,
        refusals: Refusals::Similar,
        logs: Logs::Promised,
        answers: Answers::Alike,
        naming: String::new(),
        server: None,
    }
}
