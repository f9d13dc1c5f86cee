//! Which client's exchange caused an upstream's, told from content and time alone.
//!
//! Real clients carry no marks. A request at an upstream was caused by the one client request with the
//! same method and params that was in flight when it came. Two that could have caused it are no cause,
//! and a request without params is like any other of its method, so it has none either: an oracle that
//! is told a guess accuses somebody.

use serde_json::{Map, Value};

use super::seen::{Seen, Side};

/// What is known of the cause of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// This exchange, by its position in what was seen.
    Exchange(usize),
    /// Any of these, and nobody can tell which.
    Ambiguous(Vec<usize>),
    /// Nothing to tell it by: no request with params, or a body that was not kept.
    Indistinct,
    /// No client asked for this.
    Nobody,
}

/// The causes of all upstream exchanges, each with its position in what was seen, in the order of their requests.
pub fn causes(seen: &[&Seen]) -> Vec<(usize, Cause)> {
    let mut order: Vec<usize> = (0..seen.len()).collect();
    order.sort_by_key(|place| seen[*place].opened);
    let mut asking: Vec<Asking> = Vec::new();
    let mut causes = Vec::new();
    for place in order {
        let now = seen[place];
        match &now.side {
            Side::Client => asking.push(Asking { place, asked: Content::all(now), lost: now.body.lost > 0 }),
            Side::Upstream(upstream) => {
                asking.retain(|asking| seen[asking.place].ended.is_none_or(|(end, _)| end > now.opened));
                causes.push((place, cause(&asking, now, upstream)));
            }
        }
    }
    causes
}

/// A client's exchange that is in flight.
struct Asking {
    place: usize,
    asked: Vec<Content>,
    /// Whether it cannot be read, so that it could be the cause of anything.
    lost: bool,
}

/// The one exchange that can have caused every message of `arrived`, which may be a batch.
fn cause(asking: &[Asking], arrived: &Seen, upstream: &str) -> Cause {
    let mut possible: Vec<Vec<usize>> = Vec::new();
    for content in Content::all(arrived) {
        let could = asking
            .iter()
            .filter(|asking| asking.lost || asking.asked.iter().any(|asked| asked.became(&content, upstream)));
        possible.push(could.map(|asking| asking.place).collect());
    }
    let mut all: Vec<usize> = possible.iter().flatten().copied().collect();
    all.sort_unstable();
    all.dedup();
    let sure = |place: usize| {
        possible.iter().all(|could| *could == [place]) && asking.iter().any(|a| a.place == place && !a.lost)
    };
    match all.as_slice() {
        [] if possible.is_empty() => Cause::Indistinct,
        [] => Cause::Nobody,
        [one] if sure(*one) => Cause::Exchange(*one),
        _ => Cause::Ambiguous(all),
    }
}

/// What a hub hands on of a request: not its id, and not `_meta`, into which it may write.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    method: String,
    params: Map<String, Value>,
}

impl Content {
    /// Every request with params in a body, which in revision 2025-03-26 may hold several.
    fn all(seen: &Seen) -> Vec<Self> {
        match seen.body.text().map(serde_json::from_str) {
            Some(Ok(Value::Array(batch))) => batch.iter().filter_map(Self::of).collect(),
            Some(Ok(message)) => Self::of(&message).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn of(message: &Value) -> Option<Self> {
        let mut params = message.get("params")?.as_object()?.clone();
        params.remove("_meta");
        let method = message.get("method")?.as_str()?.to_owned();
        (!params.is_empty()).then_some(Self { method, params })
    }

    /// Whether `arrived` at `upstream` is this, its name with or without what a merged route puts before it.
    fn became(&self, arrived: &Self, upstream: &str) -> bool {
        let rest = |params: &Map<String, Value>| {
            let mut rest = params.clone();
            rest.remove("name");
            rest
        };
        let name = |content: &Self| content.params.get("name").and_then(Value::as_str).map(str::to_owned);
        let same_name = match (name(self), name(arrived)) {
            (Some(asked), Some(bare)) => {
                let between = asked.strip_prefix(upstream).and_then(|rest| rest.strip_suffix(&*bare));
                asked == bare || between.is_some_and(|between| !between.contains(char::is_alphanumeric))
            }
            (asked, bare) => asked == bare,
        };
        self.method == arrived.method && same_name && rest(&self.params) == rest(&arrived.params)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::seen::{Body, End};

    fn request(id: u64, name: &str, text: &str) -> Value {
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": name, "arguments": { "text": text }, "_meta": { "progressToken": id } } })
    }

    fn exchange(side: Side, opened: u64, ended: Option<u64>, body: &Value) -> Seen {
        Seen {
            opened,
            ended: ended.map(|at| (at, End::Whole)),
            body: Body { bytes: body.to_string().into_bytes(), lost: 0 },
            ..Seen::asked(side, "POST", "/mcp")
        }
    }

    fn call(side: Side, opened: u64, ended: Option<u64>, name: &str, text: &str) -> Seen {
        exchange(side, opened, ended, &request(opened, name, text))
    }

    fn db() -> Side {
        Side::Upstream("db".into())
    }

    fn all(seen: &[Seen]) -> Vec<(usize, Cause)> {
        causes(&seen.iter().collect::<Vec<_>>())
    }

    fn only(seen: &[Seen]) -> Cause {
        let [(_, cause)] = all(seen).try_into().expect("one upstream exchange");
        cause
    }

    #[test]
    fn the_one_equal_request_in_flight_is_the_cause() {
        let seen = [
            call(Side::Client, 1, Some(9), "echo", "a"),
            call(Side::Client, 2, Some(8), "db__echo", "b"),
            call(db(), 3, Some(4), "echo", "b"),
            call(db(), 5, Some(6), "echo", "a"),
        ];
        assert_eq!(all(&seen), [(2, Cause::Exchange(1)), (3, Cause::Exchange(0))]);
    }

    #[test]
    fn a_name_that_only_ends_like_another_is_another() {
        let seen = [call(Side::Client, 1, None, "db__my_echo", "a"), call(db(), 2, None, "echo", "a")];
        assert_eq!(only(&seen), Cause::Nobody);
    }

    #[test]
    fn two_equal_requests_in_flight_are_no_cause() {
        let seen = [
            call(Side::Client, 1, Some(9), "echo", "a"),
            call(Side::Client, 2, None, "echo", "a"),
            call(db(), 3, Some(4), "echo", "a"),
        ];
        assert_eq!(only(&seen), Cause::Ambiguous(vec![0, 1]));
    }

    #[test]
    fn what_was_over_or_not_yet_asked_caused_nothing() {
        let seen = [
            call(Side::Client, 1, Some(2), "echo", "a"),
            call(db(), 3, Some(4), "echo", "a"),
            call(Side::Client, 5, Some(6), "echo", "a"),
        ];
        assert_eq!(only(&seen), Cause::Nobody);
    }

    #[test]
    fn a_request_without_params_has_no_known_cause() {
        let list = json!({ "id": 1, "method": "tools/list", "params": { "_meta": {} } });
        let seen = [exchange(Side::Client, 1, None, &list), exchange(db(), 2, None, &list)];
        assert_eq!(only(&seen), Cause::Indistinct);
    }

    #[test]
    fn a_request_that_was_not_kept_makes_every_cause_uncertain() {
        let mut huge = call(Side::Client, 1, None, "echo", "b");
        huge.body.lost = 1;
        let seen = [huge, call(Side::Client, 2, None, "echo", "a"), call(db(), 3, None, "echo", "a")];
        assert_eq!(only(&seen), Cause::Ambiguous(vec![0, 1]));
    }

    #[test]
    fn a_batch_is_the_cause_of_each_of_its_requests_and_of_all_together() {
        let batch = json!([request(1, "echo", "a"), request(2, "echo", "b")]);
        let seen = [
            exchange(Side::Client, 1, None, &batch),
            call(db(), 2, Some(3), "echo", "b"),
            exchange(db(), 4, Some(5), &batch),
        ];
        assert_eq!(all(&seen), [(1, Cause::Exchange(0)), (2, Cause::Exchange(0))]);
    }

    #[test]
    fn a_batch_made_of_two_clients_requests_has_no_one_cause() {
        let seen = [
            call(Side::Client, 1, None, "echo", "a"),
            call(Side::Client, 2, None, "echo", "b"),
            exchange(db(), 3, None, &json!([request(7, "echo", "a"), request(8, "echo", "b")])),
        ];
        assert_eq!(only(&seen), Cause::Ambiguous(vec![0, 1]));
        let stranger = exchange(db(), 3, None, &json!([request(7, "echo", "a"), request(8, "echo", "nobody's")]));
        assert_eq!(only(&[seen[0].clone(), stranger]), Cause::Ambiguous(vec![0]));
    }
}
