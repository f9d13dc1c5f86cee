//! The service: issues that belong to whoever reported them, and three rights: read, write, transition.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::Account;

/// The service with these accounts; `marks` are what it knows of each login, told wherever a profile is told.
pub fn service(accounts: Vec<Account>, marks: BTreeMap<String, String>) -> Router {
    let service = Arc::new(Service { accounts, marks, issues: Mutex::default() });
    Router::new()
        .route("/rest/api/3/myself", get(myself))
        .route("/rest/api/3/issue", post(create))
        .route("/rest/api/3/search", get(search))
        .route("/rest/api/3/issue/{key}/transitions", post(transition))
        .with_state(service)
}

#[derive(Debug)]
struct Service {
    accounts: Vec<Account>,
    marks: BTreeMap<String, String>,
    issues: Mutex<Vec<Issue>>,
}

#[derive(Debug, Clone)]
struct Issue {
    key: String,
    summary: String,
    reporter: String,
    status: String,
}

type Answer = (StatusCode, Json<Value>);

fn refused(status: StatusCode, message: &str) -> Answer {
    (status, Json(json!({ "errorMessages": [message], "errors": {} })))
}

impl Service {
    /// Whoever holds the token of a request, if they have this right.
    fn caller(&self, headers: &HeaderMap, right: &str) -> Result<&Account, Answer> {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = shown.and_then(|value| value.strip_prefix("Bearer "));
        let account = self.accounts.iter().find(|account| Some(account.token.as_str()) == token);
        let account = account.ok_or_else(|| refused(StatusCode::UNAUTHORIZED, "Client must be authenticated."))?;
        if !account.scopes.iter().any(|scope| scope == right) {
            return Err(refused(StatusCode::FORBIDDEN, &format!("{} has no permission to {right}.", account.login)));
        }
        Ok(account)
    }

    fn profile(&self, login: &str) -> Value {
        json!({ "displayName": login, "accountId": self.marks.get(login) })
    }

    fn issues(&self) -> MutexGuard<'_, Vec<Issue>> {
        self.issues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn myself(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<Json<Value>, Answer> {
    let account = service.caller(&headers, "read")?;
    Ok(Json(service.profile(&account.login)))
}

async fn create(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Result<Answer, Answer> {
    let account = service.caller(&headers, "write")?;
    let summary = asked.pointer("/fields/summary").and_then(Value::as_str).unwrap_or_default();
    if summary.is_empty() {
        return Err(refused(StatusCode::BAD_REQUEST, "You must specify a summary of the issue."));
    }
    let mut issues = service.issues();
    // Everybody has a project of their own: a number counted over all would tell each what the others do.
    let own = issues.iter().filter(|issue| issue.reporter == account.login).count();
    let key = format!("{}-{}", account.login.to_uppercase(), own + 1);
    let issue = Issue {
        key: key.clone(),
        summary: summary.to_owned(),
        reporter: account.login.clone(),
        status: "To Do".to_owned(),
    };
    issues.push(issue);
    Ok((StatusCode::CREATED, Json(json!({ "key": key, "reporter": service.profile(&account.login) }))))
}

/// Everybody finds their own issues.
async fn search(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Result<Json<Value>, Answer> {
    let account = service.caller(&headers, "read")?;
    let text = asked.get("text").map(String::as_str).unwrap_or_default();
    let issues = service.issues();
    let own = issues.iter().filter(|issue| issue.reporter == account.login && issue.summary.contains(text));
    let found: Vec<Value> =
        own.map(|issue| json!({ "key": issue.key, "summary": issue.summary, "status": issue.status })).collect();
    Ok(Json(json!({ "caller": service.profile(&account.login), "issues": found })))
}

/// Whoever may move issues may move everybody's.
async fn transition(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(key): Path<String>,
    Json(asked): Json<Value>,
) -> Result<Json<Value>, Answer> {
    let account = service.caller(&headers, "transition")?;
    let to = asked.pointer("/transition/name").and_then(Value::as_str).unwrap_or_default();
    let mut issues = service.issues();
    let Some(issue) = issues.iter_mut().find(|issue| issue.key == key) else {
        return Err(refused(StatusCode::NOT_FOUND, "Issue does not exist or you do not have permission to see it."));
    };
    issue.status = to.to_owned();
    Ok(Json(json!({ "key": key, "status": to, "by": account.login })))
}
