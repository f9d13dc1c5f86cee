//! What a client is asked to do, as `xtask/peers/talk.json` says it, and what it told.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::{judge, stage::Stage};
use crate::demo::USERS;

const DESCRIPTION: &str = include_str!("../../peers/talk.json");
/// How long a client may take for everything.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is done at one route: a session, or requests that stand alone.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) route: String,
    pub(super) steps: Vec<Value>,
}

/// The visits of this era, without the steps of these names.
pub(super) fn visits(era: &str, cannot: &[&str]) -> anyhow::Result<Vec<Visit>> {
    let description: Value = serde_json::from_str(DESCRIPTION).context("talk.json")?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut visits = Vec::new();
    for visit in list(&description["visits"]) {
        if !list(&visit["eras"]).iter().any(|spoken| spoken == era) {
            continue;
        }
        let mut steps = list(&visit["steps"]);
        steps.retain(|step| !cannot.iter().any(|name| step["name"] == *name));
        for route in list(&visit["routes"]) {
            let route = route.as_str().context("talk.json: a route is a name")?.to_owned();
            visits.push(Visit { route, steps: steps.clone() });
        }
    }
    ensure!(!visits.is_empty(), "talk.json has no visit of the {era} era");
    Ok(visits)
}

/// The same for one user.
fn of(user: &str, visits: &[Visit]) -> Vec<Visit> {
    let own = |value: &Value| filled(value, user);
    visits
        .iter()
        .map(|visit| Visit { route: visit.route.clone(), steps: visit.steps.iter().map(own).collect() })
        .collect()
}

/// With the user's name in the place of `{user}`.
fn filled(value: &Value, user: &str) -> Value {
    match value {
        Value::String(text) => text.replace("{user}", user).into(),
        Value::Array(items) => items.iter().map(|item| filled(item, user)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, user)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Lets a client do it for all users at once, and judges what it tells; gives how many steps that were.
pub(super) fn hold(stage: &Stage, era: &str, visits: &[Visit], command: Command) -> anyhow::Result<usize> {
    let users: Vec<(&str, &str, Vec<Visit>)> =
        USERS.iter().map(|(user, key)| (*user, *key, of(user, visits))).collect();
    let plain = |visit: &Visit| json!({ "route": visit.route, "steps": visit.steps });
    let users_as_json = users.iter().map(|(user, key, visits)| {
        json!({ "name": user, "key": key, "visits": visits.iter().map(plain).collect::<Vec<_>>() })
    });
    let work = json!({ "url": stage.url, "era": era, "users": users_as_json.collect::<Vec<_>>() });
    let told = run(command, &work)?;
    let (mut count, mut wrong) = (0, Vec::new());
    for (user, _, visits) in &users {
        let others: Vec<&str> = USERS.iter().map(|(other, _)| *other).filter(|other| other != user).collect();
        for Visit { route, steps } in visits {
            for (number, step) in steps.iter().enumerate().filter(|(_, step)| step["do"] != "meet") {
                let line = told
                    .iter()
                    .find(|line| line["user"] == *user && line["route"] == **route && line["step"] == number);
                let came = line.map(|line| &line["came"]);
                count += 1;
                if let Some(problem) = judge::problem(&step["wants"], came, &others) {
                    wrong.push(format!("{user} at {route}, {}: {problem}", step["name"].as_str().unwrap_or_default()));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{} of {count} steps came to something else:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(told.len() == count, "{} lines were told for {count} steps", told.len());
    Ok(count)
}

/// What a client tells about this work, line by line. What it says besides goes to the terminal.
fn run(mut command: Command, work: &Value) -> anyhow::Result<Vec<Value>> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("starting {}", command.get_program().display()))?;
    child.stdin.take().context("standard input was piped")?.write_all(work.to_string().as_bytes())?;
    let stdout = BufReader::new(child.stdout.take().context("standard output was piped")?);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let told = listen(&told);
    match told {
        Ok(told) => {
            let status = child.wait()?;
            ensure!(status.success(), "it ended with {status} after {} steps; what it said is above", told.len());
            Ok(told)
        }
        Err(error) => {
            end(&mut child)?;
            Err(error)
        }
    }
}

fn listen(lines: &mpsc::Receiver<String>) -> anyhow::Result<Vec<Value>> {
    let deadline = Instant::now() + PATIENCE;
    let mut told: Vec<Value> = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => told.push(serde_json::from_str(&line).with_context(|| format!("it told no JSON: {line}"))?),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(told),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let last = told.last().map(ToString::to_string).unwrap_or_default();
                bail!("it was not done after {} s; last it told {last}", PATIENCE.as_secs())
            }
        }
    }
}

fn end(child: &mut Child) -> anyhow::Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_era_has_the_five_things_that_a_client_does() {
        for era in ["stateful", "stateless"] {
            let steps: Vec<Value> = visits(era, &[]).unwrap().into_iter().flat_map(|visit| visit.steps).collect();
            for name in ["list", "call", "progress", "elicitation", "cancel"] {
                let asks = |step: &Value| step["name"] == name && step["do"] != "meet" && step["wants"].is_object();
                assert!(steps.iter().any(asks), "{era}: {name}");
            }
        }
        assert!(
            visits("stateful", &["cancel"])
                .unwrap()
                .iter()
                .all(|visit| visit.steps.iter().all(|step| step["name"] != "cancel"))
        );
        assert!(visits("timeless", &[]).is_err());
    }

    #[test]
    fn a_user_is_put_in_everywhere() {
        let value = json!({ "a": ["{user}!", 1], "b": { "c": "of {user}" } });
        assert_eq!(filled(&value, "eve"), json!({ "a": ["eve!", 1], "b": { "c": "of eve" } }));
    }
}
