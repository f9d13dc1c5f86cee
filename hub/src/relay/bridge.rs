//! Sessions that the hub holds at upstreams of the stateful era for clients that have none.
//!
//! Such a session is one key's, on one route, at one server, for clients that declare the same capabilities: an upstream
//! fixes those when a session is opened. Two conversations of one key with the same capabilities share it, since nothing
//! in their requests tells them apart. It is a session like any other: idle ones end, and everything of it with them.

use std::sync::Arc;

use super::{Errand, Visit, negotiate, upstream_session};
use crate::{
    downstream::{self, Session, Standing},
    envelope::{Message, Object, with_part},
    era::{
        Era, Meta, STATELESS, canonical,
        meta::{self, SERVER_INFO},
    },
    isolation::Rule,
    upstream::Fault,
};

/// The capability of the era of sessions to make a task of a call.
const TASKS: &str = "tasks";
/// The wish for it, among the params of a call.
const TASK: &str = "task";

/// What names such a session: route, server, and what its clients declare.
pub(crate) type Bridge = (Arc<str>, Arc<str>, String);

impl Visit {
    /// On the way to a server, in its era.
    pub(crate) async fn towards(&self, server: &Arc<str>) -> Result<Errand, Fault> {
        let errand = self.to(server);
        if self.session.standing != Standing::Moment || negotiate::era(&errand, None).await? == Era::Stateless {
            return Ok(errand);
        }
        let session = Box::pin(bridged(self, server)).await?;
        Ok(Self { session, ..self.clone() }.to(server))
    }
}

/// The session that the hub holds for this client at a server, opened where there is none.
async fn bridged(visit: &Visit, server: &Arc<str>) -> Result<Arc<Session>, Fault> {
    let Visit { hub, caller, session, .. } = visit;
    hub.acting(caller, server).await?; // Who is not linked takes no place.
    let declared = match hub.isolation.keeps(Rule::CapabilitiesOfTheRequest) {
        true => canonical(&session.declared),
        false => String::new(),
    };
    let name: Bridge = (session.route.clone(), server.clone(), declared);
    let (table, place) = (&hub.bridged_sessions, hub.place(caller, server));
    if let Some(found) = table.get(&place, &name).await? {
        found.activity.touch();
        return Ok(found);
    }
    let fresh = downstream::bridged(visit, name.clone()).await?;
    Ok(table.get_or_insert_with(&place, name, || fresh).await?)
}

/// What a server of the stateful era says of itself, in the words of the stateless era.
pub(crate) async fn discover(errand: &Errand, message: &Message<'_>) -> Result<String, Fault> {
    let raw_id = message.raw_id().unwrap_or("null");
    let upstream = upstream_session::of(errand).await?;
    let garbage = || Fault::Garbage { detail: "no welcome".into() };
    let welcome = Object::read(&upstream.welcome).map_err(|_| garbage())?;
    let Some(result) = welcome.get("result") else {
        let refused = Message::read(&upstream.welcome).map_err(|_| garbage())?;
        return Ok(refused.with_id(raw_id));
    };
    let result = Object::read(result).map_err(|_| garbage())?;
    let capabilities = result.get("capabilities").and_then(|raw| Object::read(raw).ok());
    // Tasks of the stateful era are others than those of the stateless era, and are not carried.
    let capabilities = capabilities.map_or_else(|| "{}".to_owned(), |capabilities| capabilities.without(&[TASKS]));
    let mut said = format!(
        r#""resultType":"complete","supportedVersions":["{STATELESS}"],"capabilities":{capabilities},"ttlMs":0,"cacheScope":"private""#
    );
    if let Some(instructions) = result.get("instructions") {
        said.push_str(&format!(r#","instructions":{instructions}"#));
    }
    if let Some(info) = result.get("serverInfo") {
        said.push_str(&format!(r#","_meta":{{"{SERVER_INFO}":{info}}}"#));
    }
    Ok(format!(r#"{{"jsonrpc":"2.0","id":{raw_id},"result":{{{said}}}}}"#))
}

/// What a server of the stateless era says of itself, as an answer to `initialize` in this revision.
pub(super) fn welcome(said: &Object<'_>, capabilities: &str, revision: &str) -> String {
    let info = said.get("_meta").and_then(|meta| Object::read(meta).ok()?.get(SERVER_INFO));
    let info = info.unwrap_or(r#"{"name":"unnamed","version":"0"}"#);
    let mut result = format!(r#""protocolVersion":"{revision}","capabilities":{capabilities},"serverInfo":{info}"#);
    if let Some(instructions) = said.get("instructions") {
        result.push_str(&format!(r#","instructions":{instructions}"#));
    }
    format!(r#"{{"jsonrpc":"2.0","id":0,"result":{{{result}}}}}"#)
}

/// A request for an upstream of the stateful era, without what only the stateless era knows.
pub(super) fn request(message: &Message<'_>) -> String {
    without_rounds(meta::taken_out(message))
}

/// A request without what belongs to its second round, and without the wish to be made a task of.
pub(super) fn without_rounds(request: String) -> String {
    let read = Message::read(&request).ok();
    let without = read.and_then(|message| message.without_params(&["requestState", "inputResponses", TASK]));
    without.unwrap_or(request)
}

/// A call without the wish to be made a task of, where it has one: it would begin something that its client cannot ask for.
pub(super) fn without_task(message: &Message<'_>) -> Option<String> {
    message.without_params(&[TASK]).filter(|_| message.is_call())
}

/// The answer of a server to `initialize` as a client is told it: without the tasks that the hub does not carry.
pub(crate) fn without_tasks(welcome: &str) -> String {
    let result = Object::read(welcome).ok().and_then(|answer| Object::read(answer.get("result")?).ok());
    let raw = result.and_then(|result| result.get("capabilities"));
    match raw.and_then(|raw| Some((raw, Object::read(raw).ok()?))) {
        Some((raw, capabilities)) if capabilities.get(TASKS).is_some() => {
            with_part(welcome, raw, &capabilities.without(&[TASKS]))
        }
        _ => welcome.to_owned(),
    }
}

/// What an upstream is told in `initialize` on behalf of clients that declare this.
pub(crate) fn hello(capabilities: &str, revision: &str) -> String {
    let info = hub_info();
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{capabilities},"clientInfo":{info}}}}}"#
    )
}

/// Who the hub says to be where it speaks for itself.
pub(super) fn hub_info() -> String {
    format!(r#"{{"name":"hub","version":"{}"}}"#, env!("CARGO_PKG_VERSION"))
}

/// What the hub says of a request that it makes on its own account.
pub(super) fn own_meta() -> Meta {
    Meta { capabilities: "{}".to_owned(), info: Some(hub_info()), log_level: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_era_alone_knows_does_not_go_into_the_other() {
        let call =
            |more: &str| format!(r#"{{"method":"tools/call","jsonrpc":"2.0","id":1,"params":{{"name":"t"{more}}}}}"#);
        for more in [r#","task":{"ttl":1}"#, r#","requestState":"s","inputResponses":{}"#] {
            assert_eq!(without_rounds(call(more)), call(""), "{more}");
        }
        let own = call(r#","arguments":{"task":1}"#);
        assert_eq!(without_rounds(own.clone()), own);
        assert_eq!(without_task(&Message::read(&own).unwrap()), None);
        let wish = call(r#","task":{"ttl":1}"#);
        assert_eq!(without_task(&Message::read(&wish).unwrap()), Some(call("")));
        let other = wish.replace("tools/call", "somebodys/own");
        assert_eq!(without_task(&Message::read(&other).unwrap()), None, "what is no call may mean anything by it");
    }

    #[test]
    fn a_welcome_differs_in_the_tasks_alone() {
        let welcome = |tasks: &str| {
            let capabilities = format!(r#"{{{tasks}"tools":{{"n":1.50}}}}"#);
            format!(r#"{{ "jsonrpc":"2.0","id":1,"result":{{"x":1e2,"capabilities":{capabilities},"tasks":{{}}}}}}"#)
        };
        assert_eq!(without_tasks(&welcome(r#""tasks":{"list":{}},"#)), welcome(""));
        assert_eq!(without_tasks(&welcome("")), welcome(""));
        let refused = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}"#;
        assert_eq!(without_tasks(refused), refused);
    }
}
