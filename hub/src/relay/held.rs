//! A call at an upstream of the stateful era that waits for what its client, of the stateless era, was asked.
//!
//! The upstream asks on the stream of its call and waits there. The client is answered with a wish for input, and the
//! call is held until it comes back with the input and the state that it was given. A call that nobody comes back for is
//! given up when its time is over, or with the session that the hub holds there.

use super::{
    Refused, Step, Steps,
    ask::{self, Shown},
    notify,
    rounds::Waiting,
    running::Running,
};
use crate::{
    envelope::{Id, Message, Object},
    isolation::Parcel,
    upstream::Fault,
};

/// A call that is held.
pub(crate) struct HeldCall {
    running: Option<Running>,
    /// The id under which its client's answer finds whoever asked, and the key in the wish.
    shown: u64,
    /// The wish: method and params, as they are shown.
    wish: String,
}

impl HeldCall {
    /// Answers the client with a wish for what it is asked, and holds the call.
    pub(super) async fn hold(mut running: Running, shown: Shown) -> Step {
        let wish = wish_of(&shown.text);
        let number = shown.number();
        running.call.entries.questions.push(shown.held);
        Self::put_away(running, number, wish).await
    }

    async fn put_away(running: Running, shown: u64, wish: String) -> Step {
        let (errand, raw_id) = (running.call.errand.clone(), running.call.raw_id.clone());
        let round = running.call.round.clone();
        let wished = format!(r#"{{"{shown}":{wish}}}"#);
        let held = Self { running: Some(running), shown, wish };
        let minted = match &round {
            Some(round) => round.mint(&errand, Waiting::Call(Parcel::new(held)), None).await,
            None => Err(Fault::Internal { detail: "a question where none can be asked".into() }),
        };
        match minted {
            Ok(state) => {
                let result = format!(
                    r#"{{"resultType":"input_required","inputRequests":{wished},"requestState":{}}}"#,
                    serde_json::Value::from(state)
                );
                let text = format!(r#"{{"jsonrpc":"2.0","id":{raw_id},"result":{result}}}"#);
                Step::Answer { text, streamed: false }
            }
            Err(fault) => Step::Failed { text: errand.phrase(&raw_id, &fault).await, fault },
        }
    }

    /// Goes on with what the client has brought; where that is not what it was asked for, it is asked again.
    pub(super) async fn resume(mut self, message: &Message<'_>) -> Result<Steps, Refused> {
        let Some(mut running) = self.running.take() else { return Err(Refused::StaleState) };
        running.readdress(message).await?;
        let given = message.param("inputResponses").and_then(|given| Object::read(given).ok());
        let given = given.and_then(|given| given.get(&self.shown.to_string())).filter(|raw| Object::read(raw).is_ok());
        let Some(given) = given else {
            let again = Self::put_away(running, self.shown, std::mem::take(&mut self.wish));
            return Ok(Steps::known(again.await));
        };
        let text = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{given}}}"#, self.shown);
        let answer = Message::read(&text).map_err(|error| Fault::Internal { detail: error.to_string() })?;
        let id = Id::Number(self.shown.to_string());
        ask::answer(&running.call.errand.visit(), &answer, Some(&id)).await?;
        let guard = running.guard();
        Ok(Steps::of(running.go_on(), guard))
    }
}

impl Drop for HeldCall {
    /// Nobody came back for it.
    fn drop(&mut self) {
        if let (Some(running), Ok(_)) = (&self.running, tokio::runtime::Handle::try_current()) {
            let call = &running.call;
            notify::give_up(&call.errand, &call.upstream, call.wire, "nobody answered");
        }
    }
}

/// Method and params of a question, as a wish has them: without a progress token, since nobody tells progress on a wish.
fn wish_of(question: &str) -> String {
    let Ok(message) = Message::read(question) else { return "{}".to_owned() };
    let params = message.params.and_then(|params| Some((params, Object::read(params).ok()?)));
    let meta = message.param("_meta").and_then(|raw| Some((raw, Object::read(raw).ok()?)));
    let bare = match (params, meta) {
        (Some((raw, params)), Some((_, meta))) if meta.keys().all(|key| key == "progressToken") => {
            message.with_part(raw, &params.without(&["_meta"]))
        }
        (_, Some((raw, meta))) => message.with_part(raw, &meta.without(&["progressToken"])),
        _ => message.whole(),
    };
    Object::read(&bare).map(|bare| bare.without(&["jsonrpc", "id"])).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_the_question_without_what_belongs_to_its_own_way() {
        let question =
            |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{params}}}"#);
        for (asked, wished) in [
            (r#"{ "n":1.50e3}"#, r#"{ "n":1.50e3}"#),
            (r#"{"_meta":{"progressToken":1},"n":1.50}"#, r#"{"n":1.50}"#),
            (r#"{"_meta":{"k":1.0,"progressToken":1},"n":1}"#, r#"{"_meta":{"k":1.0},"n":1}"#),
        ] {
            assert_eq!(wish_of(&question(asked)), format!(r#"{{"method":"elicitation/create","params":{wished}}}"#));
        }
        assert_eq!(wish_of(r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#), r#"{"method":"roots/list"}"#);
    }
}
