//! Tasks of `lab`: what goes on after its answer, bound to the credential of whoever began it.
//!
//! Nothing runs: where a task stands follows from the time, from what was answered, and from whether it was canceled. Each
//! has a clock of its own, which tells whoever listens when time alone has changed that.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::{answer::Answer, contexts::bearer, meta, request::Asked, server::Fake};
use crate::{
    Basis,
    servers::lab::jobs::{End, Job, TASKS, follows},
    wire::rpc,
};

/// For how long a task can be asked for.
const TTL: Duration = Duration::from_secs(600);
/// Milliseconds after which it is worth asking again.
const POLL: u64 = 100;
/// When the clock of every fake begins: 2026-08-01T00:00:00Z, in milliseconds.
const EPOCH: i64 = 1_785_542_400_000;

/// One task.
#[derive(Debug)]
pub(super) struct Task {
    owner: Option<String>,
    job: Job,
    created: Instant,
    updated: Instant,
    answers: Map<String, Value>,
    canceled: bool,
    /// What tells when its time has come; it ends with the task.
    clock: Option<AbortOnDropHandle<()>>,
}

impl Task {
    /// What it still asks.
    fn open(&self) -> Map<String, Value> {
        let open = self.job.inputs.iter().filter(|(key, _)| !self.answers.contains_key(*key));
        open.map(|(key, request)| (key.clone(), request.clone())).collect()
    }

    /// Its status, and what goes with it.
    fn stands(&self) -> (&'static str, Option<(&'static str, Value)>) {
        let open = self.open();
        if self.canceled {
            return ("cancelled", None);
        }
        if !open.is_empty() {
            return ("input_required", Some(("inputRequests", Value::Object(open))));
        }
        if self.updated.elapsed() < self.job.takes {
            return ("working", None);
        }
        match &self.job.end {
            End::Result(result) => ("completed", Some(("result", result.clone()))),
            End::Answers => {
                let text = format!("answered {}", Value::Object(self.answers.clone()));
                ("completed", Some(("result", json!({ "content": [{ "type": "text", "text": text }] }))))
            }
            End::Error(code, message) => ("failed", Some(("error", json!({ "code": code, "message": message })))),
        }
    }
}

impl Fake {
    /// Begins a task; it is there before its caller hears of it.
    pub(super) fn begin(self: &Arc<Self>, asked: &Asked, job: Job) -> Answer {
        let id = self.unguessable();
        self.tell_mark(asked.exchange, bearer(&id), Basis::Call);
        let now = Instant::now();
        let owner = asked.caller.holder();
        let mut task =
            Task { owner, job, created: now, updated: now, answers: Map::new(), canceled: false, clock: None };
        self.wind(&id, &mut task);
        let mut result = self.described(&id, &task);
        result["resultType"] = "task".into();
        self.lock().tasks.insert(id, task);
        self.marked_result(asked, result)
    }

    /// `tasks/get`, `tasks/update` and `tasks/cancel`.
    pub(super) fn task(self: &Arc<Self>, asked: &Asked, method: &str) -> Answer {
        if !asked.modern.as_ref().is_some_and(|modern| follows(&modern.capabilities)) {
            return meta::missing_capability(&asked.id, &json!({ "extensions": { TASKS: {} } }));
        }
        let id = asked.text("taskId").to_owned();
        let now = {
            let mut state = self.lock();
            let own = state.tasks.get_mut(&id).filter(|task| task.owner == asked.caller.holder());
            own.map(|task| {
                match method {
                    "tasks/update" => task.answer(asked.params.get("inputResponses")),
                    "tasks/cancel" => task.canceled |= !is_over(task.stands().0),
                    _ => return self.detailed(&id, task),
                }
                self.wind(&id, task);
                self.detailed(&id, task)
            })
        };
        match now {
            Some(now) if method == "tasks/get" => self.marked_result(asked, now),
            Some(now) => {
                self.tell_status(&id, &now);
                self.marked_result(asked, json!({}))
            }
            None => {
                let body = rpc::error(&asked.id, -32602, "there is no such task of yours, or no longer");
                self.response(asked, &body)
            }
        }
    }

    /// Whether a caller may be told where a task stands.
    pub(super) fn may_follow(&self, asked: &Asked, id: &str) -> bool {
        let can_follow = asked.modern.as_ref().is_some_and(|modern| follows(&modern.capabilities));
        can_follow && self.lock().tasks.get(id).is_some_and(|task| task.owner == asked.caller.holder())
    }

    fn detailed(&self, id: &str, task: &Task) -> Value {
        let mut result = self.described(id, task);
        if let (_, Some((member, value))) = task.stands() {
            result[member] = value;
        }
        result
    }

    fn described(&self, id: &str, task: &Task) -> Value {
        json!({
            "taskId": id,
            "status": task.stands().0,
            "createdAt": self.date(task.created),
            "lastUpdatedAt": self.date(task.updated),
            "ttlMs": u64::try_from(TTL.as_millis()).unwrap_or_default(),
            "pollIntervalMs": POLL,
        })
    }

    fn date(&self, at: Instant) -> String {
        let since = i64::try_from((at - self.started).as_millis()).unwrap_or_default();
        let date = DateTime::from_timestamp_millis(EPOCH + since).unwrap_or_default();
        date.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Sets the clock of a task: it strikes when the work is done, and when the task is forgotten.
    fn wind(self: &Arc<Self>, id: &str, task: &mut Task) {
        let (fake, id) = (Arc::downgrade(self), id.to_owned());
        let done = (task.stands().0 == "working").then(|| task.updated + task.job.takes);
        let forgotten = task.created + TTL;
        task.clock = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            if let Some(done) = done {
                sleep_until(done).await;
                let Some(fake) = fake.upgrade() else { return };
                let now = fake.lock().tasks.get(&id).map(|task| fake.detailed(&id, task));
                now.iter().for_each(|now| fake.tell_status(&id, now));
            }
            sleep_until(forgotten).await;
            if let Some(fake) = fake.upgrade() {
                fake.forget_tasks();
            }
        })));
    }

    /// Forgets tasks whose time is over. Of one that had not come to an end, whoever listens is told that it never will.
    pub(super) fn forget_tasks(&self) {
        let is_forgotten = |task: &Task| task.created.elapsed() >= TTL;
        let forgotten: Vec<_> = self.lock().tasks.extract_if(.., |_, task| is_forgotten(task)).collect();
        for (id, task) in forgotten.iter().filter(|(_, task)| !is_over(task.stands().0)) {
            let mut now = self.described(id, task);
            now["status"] = "failed".into();
            now["error"] = json!({ "code": -32603, "message": "the time of this task is over" });
            self.tell_status(id, &now);
        }
    }
}

impl Task {
    /// Takes the answers to what it still asks; the time that it takes begins with the last of them.
    fn answer(&mut self, responses: Option<&Value>) {
        let open = self.open();
        for (key, response) in responses.and_then(Value::as_object).into_iter().flatten() {
            if open.contains_key(key) {
                self.answers.insert(key.clone(), response.clone());
                self.updated = Instant::now();
            }
        }
    }
}

fn is_over(status: &str) -> bool {
    matches!(status, "completed" | "failed" | "cancelled")
}
