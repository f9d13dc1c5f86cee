//! Whether an upstream heard of a cancel: what `lab` wrote down is looked through for each user's own call.
//!
//! In a session a cancel is a notification that names the call; without one it is an answer that nobody reads any more.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde_json::Value;

use super::{
    stage::{SERVERS, Stage, token},
    talk::Visit,
};
use crate::demo::USERS;

/// The tool that has to be canceled.
const TOOL: &str = "test_cancellation";
/// How long the last cancel may take from its client to the ledger.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every call that a user canceled must have been canceled upstream, as that user, and nothing else.
pub(super) fn heard(stage: &Stage, visits: &[Visit]) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let problem = problem(&fs::read_to_string(&stage.ledger)?, visits);
        let Some(problem) = problem else { return Ok(()) };
        ensure!(Instant::now() < deadline, problem);
        thread::park_timeout(Duration::from_millis(20));
    }
}

fn problem(ledger: &str, visits: &[Visit]) -> Option<String> {
    let entries: Vec<Value> = ledger.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for (user, _) in USERS {
        for (server, ..) in SERVERS.iter().filter(|(_, fake, _)| *fake == "lab") {
            let cancels = |visit: &Visit| visit.steps.iter().filter(|step| step["cancel"] == true).count();
            let wanted: usize = visits.iter().filter(|visit| visit.route == *server).map(cancels).sum();
            let (called, canceled) = counted(&entries, &token(user, server));
            if (called, canceled) != (wanted, wanted) {
                return Some(format!(
                    "{user} canceled {wanted} calls at {server}; there {called} came as {user}, of which {canceled} were canceled"
                ));
            }
        }
    }
    None
}

/// How many calls came with this token, and how many of them were canceled; a cancel of anything else counts too.
fn counted(entries: &[Value], token: &str) -> (usize, usize) {
    let authorization = format!("Bearer {token}");
    let own = |entry: &&Value| {
        let headers = entry["headers"].as_array().into_iter().flatten();
        entry["entry"] == "request"
            && headers.into_iter().any(|header| header[0] == "authorization" && header[1] == authorization)
    };
    let body =
        |entry: &Value| serde_json::from_str::<Value>(entry["body"].as_str().unwrap_or_default()).unwrap_or_default();
    let (mut calls, mut notified) = (Vec::new(), 0);
    for entry in entries.iter().filter(own) {
        let message = body(entry);
        if message["params"]["name"] == TOOL {
            calls.push((entry["exchange"].clone(), message["id"].clone()));
        } else if message["method"] == "notifications/cancelled" {
            // Of its own call, or it is one too many.
            notified +=
                if calls.iter().any(|(_, id)| *id == message["params"]["requestId"]) { 1 } else { calls.len() + 1 };
        }
    }
    let left =
        |exchange: &Value| entries.iter().any(|entry| entry["entry"] == "canceled" && entry["exchange"] == *exchange);
    (calls.len(), notified + calls.iter().filter(|(exchange, _)| left(exchange)).count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(exchange: u64, token: &str, body: &Value) -> Value {
        let headers = json!([["authorization", format!("Bearer {token}")]]);
        json!({ "entry": "request", "exchange": exchange, "headers": headers, "body": body.to_string() })
    }

    #[test]
    fn a_cancel_counts_for_the_call_that_it_names_and_for_whoever_sent_it() {
        let call = json!({ "id": 7, "method": "tools/call", "params": { "name": TOOL } });
        let cancel = |id: u64| json!({ "method": "notifications/cancelled", "params": { "requestId": id } });
        let first = request(1, "a", &call);
        let left = json!({ "entry": "canceled", "exchange": 1 });
        for (entries, wanted) in [
            (vec![first.clone()], (1, 0)),
            (vec![first.clone(), request(2, "a", &cancel(7))], (1, 1)),
            (vec![first.clone(), request(2, "b", &cancel(7))], (1, 0)),
            (vec![first.clone(), request(2, "a", &cancel(8))], (1, 2)),
            (vec![first.clone(), left], (1, 1)),
            (vec![first, json!({ "entry": "canceled", "exchange": 2 })], (1, 0)),
        ] {
            assert_eq!(counted(&entries, "a"), wanted, "{entries:?}");
        }
    }

    #[test]
    fn what_was_not_heard_is_said() {
        let step = json!({ "cancel": true });
        let visits = [Visit { route: "lab-stateful".into(), steps: vec![step] }];
        let told = problem("", &visits).unwrap();
        assert_eq!(told, "alice canceled 1 calls at lab-stateful; there 0 came as alice, of which 0 were canceled");
        assert_eq!(problem("", &[]), None);
    }
}
