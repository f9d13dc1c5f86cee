//! What an upstream of the stateless era wishes to know in the middle of a call, asked of a client of the stateful era.
//!
//! The upstream answers with a wish and is done; the client is asked on the stream of its call, and when it has given
//! everything, the request is sent again. Only the session that was asked can give anything, and each wish once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    ask::{self, Input},
    rounds,
    running::Running,
};
use crate::{
    downstream::Standing,
    envelope::{Object, with_members},
    era::{Era, capability_for},
    isolation::Rule,
    upstream::Fault,
};

/// Rounds that one call may take: an upstream that never has enough must not hold anybody for ever.
const MOST_ROUNDS: usize = 16;
/// What is given for a form that the client would not show.
const NOT_ANSWERED: &str = r#"{"action":"cancel"}"#;

/// The wishes of one round.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    rounds: usize,
    /// The upstream's state, as it wrote it.
    state: Option<String>,
    /// The method of each wish, until something is given for it.
    open: BTreeMap<String, String>,
    given: BTreeMap<String, String>,
}

impl Running {
    /// Whether an answer is a wish that the client has to be asked for.
    pub(super) fn has_wishes(&self, answer: &str) -> bool {
        let between = self.call.errand.session.standing == Standing::Client && self.call.upstream.era == Era::Stateless;
        between && rounds::wish(answer).is_some()
    }

    /// Asks the client for everything that the upstream wishes.
    pub(super) async fn ask_for(&mut self, answer: &str) -> Result<(), Fault> {
        let garbage = |detail: &str| Fault::Garbage { detail: detail.into() };
        let wished = rounds::wish(answer).and_then(|result| Object::read(result).ok());
        let wished = wished.ok_or_else(|| garbage("no wish"))?;
        self.wishes = Wishes { rounds: self.wishes.rounds + 1, ..Wishes::default() };
        if self.wishes.rounds > MOST_ROUNDS {
            return Err(garbage("a call with too many rounds"));
        }
        self.wishes.state = wished.get("requestState").map(str::to_owned);
        let requests = wished.get("inputRequests").map(Object::read).transpose();
        let requests = requests.map_err(|_| garbage("wishes that are no object"))?;
        for key in requests.iter().flat_map(|requests| requests.keys().map(str::to_owned)).collect::<Vec<_>>() {
            let raw = requests.as_ref().and_then(|requests| requests.get(&key));
            let request = raw.and_then(|raw| Object::read(raw).ok()).ok_or_else(|| garbage("a wish that is none"))?;
            let method = request.string("method").unwrap_or_default();
            let needed = capability_for(&method).ok_or_else(|| garbage("a wish for what no client can be asked"))?;
            let errand = &self.call.errand;
            if !ask::offered(errand, &method) && errand.hub.isolation.keeps(Rule::AskOnlyWhatIsOffered) {
                return Err(Fault::Lacks(needed));
            }
            let params = match request.get("params") {
                Some(params) => Some(with_id(params, &errand.hub.mint_number()?)),
                None => None,
            };
            let input = Input { key: key.clone(), deliver: self.call.deliver.clone() };
            let shown = ask::wish(errand, &self.call.upstream, &method, params.as_deref(), input).await?;
            self.wishes.open.insert(key, method);
            self.pending.push_back(shown);
        }
        self.go_on_if_complete().await
    }

    /// Takes what the client gives for a wish.
    pub(super) async fn given(&mut self, key: String, given: Option<String>) -> Result<(), Fault> {
        let Some(method) = self.wishes.open.remove(&key) else { return Ok(()) };
        let given = match given {
            Some(given) => given,
            None if method == "elicitation/create" => NOT_ANSWERED.to_owned(),
            None => return Err(Fault::NothingGiven),
        };
        self.wishes.given.insert(key, given);
        self.go_on_if_complete().await
    }

    async fn go_on_if_complete(&mut self) -> Result<(), Fault> {
        if !self.wishes.open.is_empty() {
            return Ok(());
        }
        self.call.entries.questions.clear();
        let given = std::mem::take(&mut self.wishes.given);
        let members: Vec<String> =
            given.iter().map(|(key, given)| format!("{}:{given}", Value::from(key.as_str()))).collect();
        let state = self.wishes.state.take();
        self.send_again(Some(&format!("{{{}}}", members.join(","))), state.as_deref()).await
    }
}

/// The params of a question with an id where the stateful era has one: for a page that the user is to open.
fn with_id(params: &str, id: &str) -> String {
    let of_a_page = Object::read(params)
        .is_ok_and(|read| read.string("mode").as_deref() == Some("url") && read.get("elicitationId").is_none());
    match of_a_page {
        true => with_members(params, &format!(r#""elicitationId":"{id}""#)),
        false => params.to_owned(),
    }
}
