//! Tasks of the stateless era: what goes on after its answer, and is asked for by an id.
//!
//! Whoever shows the id of a task reads its result, answers what it asks and ends it, and the hub cannot know whether a
//! server looks at who does so. So a client is given an id of the hub's: random, and known to the key that began the task
//! alone, on the route where it was begun, for as long as the server keeps it. Foreign, invented, moved and old ids are
//! refused in the same words, and the server never hears of them. The era of sessions has requests of the same names that mean
//! something else, and whose ids stand in many places: there the hub offers no tasks, and carries nothing about them.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use super::{Errand, Refused, UpstreamSession};
use crate::{
    downstream::Standing,
    envelope::{Message, Object, may_say, with_part},
    era::Era,
    hub::Hub,
    isolation::Rule,
    upstream::Fault,
};

/// How a server tells where a task stands, on a listen that names it: the whole task, with its result.
pub(super) const STATUS: &str = "notifications/tasks";
/// The extension by which a client says that it can follow tasks.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// What can be asked of a task where there are no sessions.
const REQUESTS: [&str; 3] = ["tasks/get", "tasks/update", "tasks/cancel"];
/// How long an id is good at most, whatever its server says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Tasks of one key that can be asked for at once.
const MOST: usize = 1024;

/// A task that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// The id that its client was given.
    shown: String,
    route: Arc<str>,
    server: Arc<str>,
    /// The id that its server gave it.
    own: String,
    until: Instant,
}

/// A task as its server describes it in a result.
struct Described<'a> {
    raw: &'a str,
    id: String,
    lifetime: Duration,
}

/// Whether a method asks for a task, where there are no sessions.
pub(crate) fn asks_for_task(method: &str) -> bool {
    REQUESTS.contains(&method)
}

/// Whether a task was begun at this server, by this key and here.
pub(crate) async fn knows(errand: &Errand, shown: &str) -> Result<bool, Fault> {
    Ok(find(errand, shown).await?.is_some())
}

/// Refuses what is asked about tasks in the words of another era than the server's, or of the era of sessions.
pub(super) fn of_this_era(errand: &Errand, upstream: &UpstreamSession, method: &str) -> Result<(), Refused> {
    if !method.starts_with("tasks/") {
        return Ok(());
    }
    let refuses = match (errand.session.standing, upstream.era) {
        (Standing::Client, Era::Stateful) => Rule::NoTasksOfSessions,
        (Standing::Moment, Era::Stateless) if asks_for_task(method) => return Ok(()),
        _ => Rule::TasksWithinTheirEra,
    };
    if errand.hub.isolation.keeps(refuses) { Err(Refused::NoMethod) } else { Ok(()) }
}

/// The request with the id that the task has at its server; `None` where it goes there as it came.
pub(super) async fn named(errand: &Errand, method: &str, message: &Message<'_>) -> Result<Option<String>, Refused> {
    if !asks_for_task(method) || errand.session.standing != Standing::Moment {
        return Ok(None);
    }
    if !follows(&errand.session.declared) {
        return Err(Refused::FollowsNoTasks);
    }
    let Some((raw, shown)) = message.string_param("taskId") else { return Err(Refused::UnknownTask) };
    match find(errand, &shown).await? {
        Some(task) => Ok(Some(message.with_part(raw, &Value::from(task.own).to_string()))),
        None if errand.hub.isolation.keeps(Rule::MintTaskIds) => Err(Refused::UnknownTask),
        None => Ok(None),
    }
}

/// An answer of a server with the hub's id of the task that it describes.
pub(super) async fn shown(errand: &Errand, method: &str, answer: String) -> Result<String, Fault> {
    let hub = &errand.hub;
    let Some(described) = described(method, &answer).filter(|_| hub.isolation.keeps(Rule::MintTaskIds)) else {
        return Ok(answer);
    };
    let (table, place) = (&hub.tasks, errand.place());
    let known = table.in_scope(&place).await?;
    let same = |task: &&Task| task.is_here(errand) && task.own == described.id;
    let shown = match known.iter().find(same) {
        Some(task) => task.shown.clone(),
        None if known.len() >= MOST => return Err(Fault::TooMany),
        None => {
            let (route, server) = (errand.session.route.clone(), errand.server.clone());
            let (shown, until) = (hub.mint_number()?, Instant::now() + described.lifetime);
            let task = Task { shown: shown.clone(), route, server, own: described.id, until };
            table.insert(&place, shown.clone(), task).await?;
            shown
        }
    };
    Ok(with_part(&answer, described.raw, &Value::from(shown).to_string()))
}

/// The tasks of a filter that may be listened for, each by its id at its server and by that which its client knows: those
/// that a request could ask for, where its client can follow them.
pub(super) async fn heard(errand: &Errand, named: &[String]) -> Result<Vec<(String, String)>, Fault> {
    let mut heard = Vec::new();
    if errand.session.standing != Standing::Moment || !follows(&errand.session.declared) {
        return Ok(heard);
    }
    for shown in named {
        match find(errand, shown).await? {
            Some(task) => heard.push((task.own, shown.clone())),
            None if errand.hub.isolation.keeps(Rule::MintTaskIds) => {}
            None => heard.push((shown.clone(), shown.clone())),
        }
    }
    Ok(heard)
}

async fn find(errand: &Errand, shown: &str) -> Result<Option<Task>, Fault> {
    let task = errand.hub.tasks.get(&errand.place(), &shown.to_owned()).await?;
    Ok(task.filter(|task| task.is_here(errand) && !task.is_over(&errand.hub)))
}

impl Task {
    fn is_here(&self, errand: &Errand) -> bool {
        let bound = errand.hub.isolation.keeps(Rule::TaskIdBoundToRoute);
        self.server == errand.server && (self.route == errand.session.route || !bound)
    }

    fn is_over(&self, hub: &Hub) -> bool {
        self.until <= Instant::now() && hub.isolation.keeps(Rule::TaskIdsExpire)
    }
}

/// Whether a client that declares this can follow tasks.
fn follows(capabilities: &str) -> bool {
    let declared = Object::read(capabilities).ok().and_then(|declared| declared.get("extensions"));
    declared.is_some_and(|raw| Object::read(raw).is_ok_and(|extensions| extensions.get(EXTENSION).is_some()))
}

/// The task that an answer describes. Anything else may have a member of that name, which is its own business.
fn described<'a>(method: &str, answer: &'a str) -> Option<Described<'a>> {
    if !may_say(answer, "taskId") {
        return None; // Most answers describe none, and are not read again to find that out.
    }
    let result = Object::read(Object::read(answer).ok()?.get("result")?).ok()?;
    if !asks_for_task(method) && result.string("resultType")? != "task" {
        return None;
    }
    let (raw, id) = (result.get("taskId")?, result.string("taskId")?);
    let lifetime = result.get("ttlMs").and_then(|ttl| ttl.parse().ok()).map_or(LONGEST, Duration::from_millis);
    Some(Described { raw, id, lifetime: lifetime.min(LONGEST) })
}

/// Forgets tasks that their servers have forgotten.
pub(crate) fn sweep(hub: &Hub) {
    hub.tasks.discard(|_, task| task.is_over(hub));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(method: &str, result: &str) -> Option<String> {
        described(method, &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)).map(|task| task.id)
    }

    #[test]
    fn a_task_is_what_is_said_to_be_one() {
        assert_eq!(id("tools/call", r#"{"resultType":"task","taskId":"a"}"#).as_deref(), Some("a"));
        assert_eq!(id("tools/call", r#"{"resultType":"task","\u0074askId":"a"}"#).as_deref(), Some("a"));
        assert_eq!(id("tasks/get", r#"{"resultType":"complete","taskId":"a"}"#).as_deref(), Some("a"));
        assert_eq!(id("tools/call", r#"{"resultType":"complete","taskId":"a"}"#), None);
        assert_eq!(id("tools/call", r#"{"resultType":"task","taskId":1}"#), None);
    }

    #[test]
    fn a_lifetime_is_the_servers_and_a_day_at_most() {
        let lifetime = |ttl: &str| {
            let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"resultType":"task","taskId":"a"{ttl}}}}}"#);
            described("tools/call", &answer).map(|task| task.lifetime)
        };
        assert_eq!(lifetime(r#","ttlMs":1500"#), Some(Duration::from_millis(1500)));
        for ttl in ["", r#","ttlMs":null"#, r#","ttlMs":90000000000"#] {
            assert_eq!(lifetime(ttl), Some(LONGEST), "{ttl}");
        }
    }

    #[test]
    fn a_client_follows_tasks_where_it_says_so() {
        assert!(follows(r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#));
        assert!(!follows(r#"{"tasks":{}}"#), "that is the other era's");
        assert!(!follows(r#"{"extensions":{}}"#));
    }
}
