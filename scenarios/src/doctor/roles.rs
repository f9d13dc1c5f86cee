//! What the trace of the trial of a server shows: every role's tool is there, and gives what was expected.

use std::{collections::BTreeMap, time::Duration};

use super::Line;
use crate::{
    diagnostics::nearest,
    oracles::{self, Finding, Oracle, rpc},
    run::options::Destructive,
    scenario::{
        grammar,
        model::{Action, RequestKind, Step},
    },
    target::{file::ServerFile, trial},
    trace::{Index, Trace, facts::Role, index::header},
};

/// A line for each step of the trial, and for each role that was left out.
pub(super) fn lines(
    trace: &Trace,
    took: &BTreeMap<usize, Duration>,
    file: &ServerFile,
    destructive: Destructive,
) -> Vec<Line> {
    let index = Index::new(trace);
    // What else is found, a run tells: here only what the file expects matters.
    let mut findings = oracles::judge(&index, &[]);
    findings.retain(|finding| matches!(finding.oracle, Oracle::Expectation | Oracle::Refusal));
    let mut lines = Vec::new();
    for (number, step) in trace.facts.scenario.steps.iter().enumerate() {
        if let Action::Request(request) = &step.action
            && let RequestKind::List { .. } = request.kind
        {
            lines.extend(tools(&index, number));
            continue;
        }
        let wrong = findings.iter().find(|finding| finding.step == number).map(told);
        let wrong = wrong.or_else(|| quick(step, took.get(&number))).or_else(|| unended(&index, number, step));
        lines.push(match wrong {
            None => Line::works(name(step), seen(&index, number)),
            Some(what) => Line::missing(name(step), format!("{what}\n{}", hint(step))),
        });
    }
    let spared = |role: &str| Some(Line::not_asked(format!("role {role}"), file.spares(role, destructive)?));
    lines.extend(grammar::ROLES.iter().filter_map(|(role, ..)| spared(role)));
    if !file.accounts() {
        lines.push(Line::not_asked("a wrong token is refused", "the target file names no accounts"));
    }
    lines
}

fn told(finding: &Finding) -> String {
    format!("{}\nexpected {}\nreceived {}", finding.headline, finding.expected, finding.received)
}

/// A slow role that is not slow.
fn quick(step: &Step, took: Option<&Duration>) -> Option<String> {
    let took = took.filter(|took| trial::role(step) == Some("slow") && **took < trial::SLOW)?;
    Some(trial::quick(*took))
}

/// A session that was not ended.
fn unended(index: &Index<'_>, number: usize, step: &Step) -> Option<String> {
    let Action::Close { .. } = step.action else { return None };
    let answer = index.message_of(index.exchange_of(number)?)?.answer?;
    (answer.status >= 400).then(|| rpc::brief(&answer))
}

/// What a step is called.
fn name(step: &Step) -> String {
    match &step.action {
        Action::Request(request) => match trial::role(step) {
            Some(role) => format!("role {role} as {}", request.actor),
            None => format!("initialize as {}", request.actor),
        },
        Action::Send(_) => "a wrong token is refused".to_owned(),
        _ => "DELETE ends a session".to_owned(),
    }
}

/// What came, in short.
fn seen(index: &Index<'_>, step: usize) -> String {
    let answer = index.exchange_of(step).and_then(|exchange| index.message_of(exchange)?.answer);
    let Some(answer) = answer else { return "it is".to_owned() };
    match header(answer.headers, "mcp-session-id").filter(|_| step < 2) {
        Some(_) => "a session id was given".to_owned(),
        None if step < 2 => "no session id was given".to_owned(),
        None => format!("HTTP {}", answer.status),
    }
}

/// Where to look.
fn hint(step: &Step) -> &'static str {
    match (&step.action, trial::role(step)) {
        (Action::Send(_), _) => {
            "if this server asks for no tokens, leave `accounts` out; otherwise this is the first finding"
        }
        (Action::Close { .. }, _) => "if it ends no sessions, say so: `unsupported: { sessions: reason }`",
        (_, Some("recall" | "list")) => {
            "look at this role and at `remember`: the stored value must stand in the answer; `at` says where"
        }
        (_, Some("whoami")) => "look at the role, and at `is` of the account",
        (_, Some(_)) => "look at the role's `tool` and `with`",
        (_, None) => "look at `reach`, and at the tokens of `accounts`",
    }
}

/// Whether the tool of every role is in the list.
fn tools(index: &Index<'_>, step: usize) -> Vec<Line> {
    let answer = index.exchange_of(step).and_then(|exchange| index.message_of(exchange)?.answer);
    let response = answer.as_ref().and_then(rpc::response);
    let Some(names) = response.as_ref().and_then(rpc::names) else {
        let came = answer.map_or_else(|| "no answer came".to_owned(), |answer| rpc::brief(&answer));
        return vec![Line::missing("tools/list", format!("{came}\nlook at `reach`, and at the tokens of `accounts`"))];
    };
    let mut lines = vec![Line::works("tools/list", format!("{} tools", names.len()))];
    if response.is_some_and(|response| response.pointer("/result/nextCursor").is_some()) {
        lines
            .push(Line::not_asked("every role's tool is listed", "the list goes on, and its first page does not tell"));
        return lines;
    }
    let roles = index.facts.server.iter().flat_map(|server| &server.roles);
    lines.extend(roles.filter(|(_, role)| !names.contains(&role.tool)).map(|(name, role)| absent(name, role, &names)));
    lines
}

fn absent(name: &str, role: &Role, names: &[String]) -> Line {
    let near = nearest(&role.tool, names.iter().map(String::as_str));
    let help =
        near.map_or_else(|| format!("there are: {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
    Line::missing(format!("role {name} is listed"), format!("the server has no tool `{}`\n{help}", role.tool))
}
