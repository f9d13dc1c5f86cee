//! Which client's exchange caused an upstream's, told from content and time alone.
//!
//! Real clients carry no marks. A request at an upstream was caused by the one client request with the
//! same method and params that was in flight when it came. Two that could have caused it are no cause,
//! and a request without params is like any other of its method, so it has none either: an oracle that
//! is told a guess accuses somebody.

use serde_json::Value;

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

/// The cause of the upstream exchange `seen[of]`.
pub fn cause(seen: &[Seen], of: usize) -> Cause {
    let Side::Upstream(upstream) = &seen[of].side else { return Cause::Indistinct };
    let Some(arrived) = Content::of(&seen[of]) else { return Cause::Indistinct };
    let mut causes = Vec::new();
    for (place, asked) in seen.iter().enumerate() {
        if asked.side != Side::Client || !in_flight(asked, seen[of].opened) {
            continue;
        }
        // An exchange that cannot be read could be the cause of anything that came while it was in flight.
        if asked.body.lost > 0 || Content::of(asked).is_some_and(|content| content.became(&arrived, upstream)) {
            causes.push(place);
        }
    }
    match causes.as_slice() {
        [] => Cause::Nobody,
        [one] if seen[*one].body.lost == 0 => Cause::Exchange(*one),
        _ => Cause::Ambiguous(causes),
    }
}

fn in_flight(asked: &Seen, at: u64) -> bool {
    asked.opened < at && asked.ended.is_none_or(|(end, _)| end > at)
}

/// What a hub hands on of a request: not its id, and not `_meta`, into which it may write.
struct Content {
    method: String,
    params: serde_json::Map<String, Value>,
}

impl Content {
    fn of(seen: &Seen) -> Option<Self> {
        let message: Value = serde_json::from_str(seen.body.text()?).ok()?;
        let mut params = message.get("params")?.as_object()?.clone();
        params.remove("_meta");
        let method = message.get("method")?.as_str()?.to_owned();
        (!params.is_empty()).then_some(Self { method, params })
    }

    /// Whether `arrived` at `upstream` is this, its name with or without what a merged route puts before it.
    fn became(&self, arrived: &Self, upstream: &str) -> bool {
        let rest = |params: &serde_json::Map<String, Value>| {
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

    fn call(side: Side, opened: u64, ended: Option<u64>, name: &str, text: &str) -> Seen {
        let body = json!({ "jsonrpc": "2.0", "id": opened, "method": "tools/call",
            "params": { "name": name, "arguments": { "text": text }, "_meta": { "progressToken": opened } } });
        Seen {
            opened,
            ended: ended.map(|at| (at, End::Whole)),
            body: Body { bytes: body.to_string().into_bytes(), lost: 0 },
            ..Seen::asked(side, "POST", "/mcp")
        }
    }

    fn db() -> Side {
        Side::Upstream("db".into())
    }

    #[test]
    fn the_one_equal_request_in_flight_is_the_cause() {
        let seen = [
            call(Side::Client, 1, Some(9), "echo", "a"),
            call(Side::Client, 2, Some(8), "db__echo", "b"),
            call(db(), 3, Some(4), "echo", "b"),
            call(db(), 5, Some(6), "echo", "a"),
        ];
        assert_eq!(cause(&seen, 2), Cause::Exchange(1));
        assert_eq!(cause(&seen, 3), Cause::Exchange(0));
    }

    #[test]
    fn a_name_that_only_ends_like_another_is_another() {
        let seen = [call(Side::Client, 1, None, "db__my_echo", "a"), call(db(), 2, None, "echo", "a")];
        assert_eq!(cause(&seen, 1), Cause::Nobody);
    }

    #[test]
    fn two_equal_requests_in_flight_are_no_cause() {
        let seen = [
            call(Side::Client, 1, Some(9), "echo", "a"),
            call(Side::Client, 2, None, "echo", "a"),
            call(db(), 3, Some(4), "echo", "a"),
        ];
        assert_eq!(cause(&seen, 2), Cause::Ambiguous(vec![0, 1]));
    }

    #[test]
    fn what_was_over_or_not_yet_asked_caused_nothing() {
        let seen = [
            call(Side::Client, 1, Some(2), "echo", "a"),
            call(db(), 3, Some(4), "echo", "a"),
            call(Side::Client, 5, Some(6), "echo", "a"),
        ];
        assert_eq!(cause(&seen, 1), Cause::Nobody);
    }

    #[test]
    fn a_request_without_params_has_no_known_cause() {
        let list = |side, opened| Seen {
            opened,
            body: Body { bytes: br#"{"id":1,"method":"tools/list","params":{"_meta":{}}}"#.to_vec(), lost: 0 },
            ..Seen::asked(side, "POST", "/mcp")
        };
        assert_eq!(cause(&[list(Side::Client, 1), list(db(), 2)], 1), Cause::Indistinct);
    }

    #[test]
    fn a_request_that_was_not_kept_makes_every_cause_uncertain() {
        let mut huge = call(Side::Client, 1, None, "echo", "b");
        huge.body.lost = 1;
        let seen = [huge, call(Side::Client, 2, None, "echo", "a"), call(db(), 3, None, "echo", "a")];
        assert_eq!(cause(&seen, 2), Cause::Ambiguous(vec![0, 1]));
    }
}
