//! Requests that take several rounds: an answer that wishes for more input gives its client a state to keep, and the
//! client sends its request again with input and state.
//!
//! Whoever shows a state goes on with what its request has begun. So the state that an upstream mints never reaches a
//! client as it is: it is sealed together with a random number, for the route, the server and the request that it
//! belongs to. The number is known for a while, to the key that made the request alone, and is forgotten when the state
//! is shown. Foreign, moved, changed, used and old states are all refused in the same words.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{Errand, HeldCall, Refused};
use crate::{
    envelope::{Kind, Message, Object, may_say, with_part},
    era::{IN_ROUNDS, canonical, capability_for},
    hub::Hub,
    isolation::{Parcel, Rule},
    upstream::Fault,
};

/// How long a request may wait for its next round.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// What an answer is that wishes for more input.
const WISH: &str = "input_required";
/// Requests of one key that may wait at once.
const MOST: usize = 256;

/// A request that waits for its next round.
#[derive(Debug, Clone)]
pub(crate) struct Outstanding {
    until: Instant,
    waiting: Waiting,
}

/// What waits for the next round.
#[derive(Clone)]
pub(super) enum Waiting {
    /// Nothing here: the upstream has put what it needs in its own state.
    Nothing,
    /// A call that is held open at its upstream.
    Call(Parcel<HeldCall>),
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Call(_) => "Call",
        })
    }
}

/// What a request goes on with.
pub(super) enum Begun {
    /// Nothing: it begins.
    Anew(Option<Round>),
    /// What its upstream has put in its own state, which is in the request now.
    Again(Option<Round>, String),
    /// A call that was held for it.
    Held(Box<HeldCall>),
}

/// What is sealed in a state.
#[derive(Debug, Serialize, Deserialize)]
struct Sealed {
    number: String,
    /// The upstream's own state, where it has one.
    state: Option<String>,
}

/// One round of a request.
#[derive(Debug, Clone)]
pub(super) struct Round {
    method: String,
    /// The params of its request, as they were written.
    params: String,
}

impl Round {
    /// Opens the state that a request brings, if it brings one. Only some requests can have a second round.
    pub(super) async fn begin(errand: &Errand, message: &Message<'_>) -> Result<Begun, Refused> {
        let Kind::Request { method, .. } = &message.kind else { return Ok(Begun::Anew(None)) };
        let round = Self { method: method.clone(), params: message.params.unwrap_or_default().to_owned() };
        let rounds = IN_ROUNDS.contains(&method.as_str());
        let Some(raw) = message.param("requestState") else { return Ok(Begun::Anew(rounds.then_some(round))) };
        let shown: String = serde_json::from_str(raw).map_err(|_| Refused::StaleState)?;
        match round.redeem(errand, &shown).await? {
            (Waiting::Call(held), _) => Ok(Begun::Held(Box::new(held.take().ok_or(Refused::StaleState)?))),
            (Waiting::Nothing, state) => {
                let request = message.with_part(raw, &Value::from(state).to_string());
                Ok(Begun::Again(rounds.then_some(round), request))
            }
        }
    }

    /// What its state opens for: the same route, server, method and params, but for what differs between two rounds.
    fn purpose(&self, errand: &Errand) -> String {
        if !errand.hub.isolation.keeps(Rule::RequestStateOfItsRequest) {
            return "request state".to_owned();
        }
        let params = Object::read(&self.params).ok();
        let params =
            params.map(|params| params.without(&["_meta", "requestState", "inputResponses"])).unwrap_or_default();
        let digest: String = Sha256::digest(canonical(&params)).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("request state\n{}\n{}\n{}\n{digest}", errand.session.route, errand.server, self.method)
    }

    /// What waits under this state, and the state of the upstream that was sealed in it.
    async fn redeem(&self, errand: &Errand, shown: &str) -> Result<(Waiting, Option<String>), Refused> {
        let hub = &errand.hub;
        let sealed: Sealed = match hub.sealer.open(&self.purpose(errand), shown) {
            Some(sealed) => sealed,
            None if hub.isolation.keeps(Rule::WrapRequestState) => return Err(Refused::StaleState),
            None => return Ok((Waiting::Nothing, Some(shown.to_owned()))),
        };
        let (table, place) = (&hub.request_states, errand.place());
        let known = match hub.isolation.keeps(Rule::RequestStateOnce) {
            true => table.remove(&place, &sealed.number).await,
            false => table.get(&place, &sealed.number).await,
        };
        let known = known.map_err(Fault::from)?.ok_or(Refused::StaleState)?;
        if known.until <= Instant::now() && hub.isolation.keeps(Rule::RequestStateExpires) {
            return Err(Refused::StaleState);
        }
        Ok((known.waiting, sealed.state))
    }

    /// A state for the next round.
    pub(super) async fn mint(&self, errand: &Errand, waiting: Waiting, state: Option<String>) -> Result<String, Fault> {
        let hub = &errand.hub;
        if let Some(state) = state.as_ref().filter(|_| !hub.isolation.keeps(Rule::WrapRequestState)) {
            return Ok(state.clone());
        }
        let (table, place) = (&hub.request_states, errand.place());
        if table.in_scope(&place).await?.len() >= MOST {
            return Err(Fault::TooMany);
        }
        let number = hub.mint_number()?;
        table.insert(&place, number.clone(), Outstanding { until: Instant::now() + LIFETIME, waiting }).await?;
        let purpose = self.purpose(errand);
        let sealed = hub.sealer.seal(hub.environment.random.as_ref(), &purpose, &Sealed { number, state });
        sealed.map_err(|error| Fault::Internal { detail: error.to_string() })
    }
}

/// An upstream's answer as its client is to have it: a state in it sealed, and a wish that it may not have refused.
pub(super) async fn answered(round: Option<&Round>, errand: &Errand, answer: String) -> Result<String, Fault> {
    let Some(result) = wish(&answer) else { return Ok(answer) };
    let Some(round) = round else {
        return Err(Fault::Garbage { detail: "a wish for input where there can be none".into() });
    };
    let wished = Object::read(result).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
    if let Some(requests) = wished.get("inputRequests")
        && let Some(lacking) = not_declared(errand, requests)?
    {
        return Err(Fault::Lacks(lacking));
    }
    match wished.get("requestState") {
        None => Ok(answer),
        Some(raw) => {
            let state = serde_json::from_str(raw).map_err(|error| Fault::Garbage { detail: error.to_string() })?;
            let sealed = round.mint(errand, Waiting::Nothing, Some(state)).await?;
            Ok(with_part(&answer, raw, &Value::from(sealed).to_string()))
        }
    }
}

/// The result of an answer that wishes for more input.
pub(super) fn wish(answer: &str) -> Option<&str> {
    if !may_say(answer, WISH) {
        return None; // Most answers wish for nothing, and are not read again to find that out.
    }
    let result = Object::read(answer).ok()?.get("result")?;
    let kind = Object::read(result).ok()?.string("resultType")?;
    (kind == WISH).then_some(result)
}

/// The first capability that is needed for these requests and that this very request did not declare.
fn not_declared(errand: &Errand, requests: &str) -> Result<Option<&'static str>, Fault> {
    if !errand.hub.isolation.keeps(Rule::CapabilitiesOfTheRequest) {
        return Ok(None);
    }
    let garbage = |detail: String| Fault::Garbage { detail };
    let requests = Object::read(requests).map_err(|error| garbage(error.to_string()))?;
    let keys: Vec<String> = requests.keys().map(str::to_owned).collect();
    for key in keys {
        let asked = requests.get(&key).and_then(|asked| Object::read(asked).ok()?.string("method"));
        let needed = asked.as_deref().and_then(capability_for);
        let needed = needed.ok_or_else(|| garbage("a wish for something that no client can be asked".into()))?;
        if !errand.session.offers.contains(needed) {
            return Ok(Some(needed));
        }
    }
    Ok(None)
}

/// Forgets requests that have waited for too long.
pub(crate) fn sweep(hub: &Hub) {
    if hub.isolation.keeps(Rule::RequestStateExpires) {
        let now = Instant::now();
        hub.request_states.discard(|_, waiting| waiting.until <= now);
    }
}
