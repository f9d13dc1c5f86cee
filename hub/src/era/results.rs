//! Answers of one era as the other one expects them. Every byte that need not differ is as it came.

use crate::envelope::{Object, with_members, with_part};

/// Answers that say for how long and for whom they may be kept.
const CACHEABLE: [&str; 6] =
    ["server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"];
/// What nothing was promised about may not be kept, and by nobody else in any case.
const NOT_TO_BE_KEPT: &str = r#""ttlMs":0,"cacheScope":"private""#;

/// An answer of the stateful era to this method, for a client of the stateless era.
pub(crate) fn for_stateless(method: &str, answer: &str) -> String {
    let Ok(object) = Object::read(answer) else { return answer.to_owned() };
    if let Some(error) = object.get("error") {
        // What is not there is a wrong parameter, since 2026-07-28.
        return with_code(answer, error, |code| (code == -32002).then_some(-32602));
    }
    let Some(raw) = object.get("result") else { return answer.to_owned() };
    let Ok(result) = Object::read(raw) else { return answer.to_owned() };
    let mut members: Vec<&str> = Vec::new();
    if result.get("resultType").is_none() {
        members.push(r#""resultType":"complete""#);
    }
    if CACHEABLE.contains(&method) && result.get("ttlMs").or(result.get("cacheScope")).is_none() {
        members.push(NOT_TO_BE_KEPT);
    }
    match members.is_empty() {
        true => answer.to_owned(),
        false => with_part(answer, raw, &with_members(raw, &members.join(","))),
    }
}

/// An answer of the stateless era to this method, for a client of the stateful era. What it does not know in a result it
/// passes over; codes that it cannot know are said in those that it does.
pub(crate) fn for_stateful(method: &str, answer: &str) -> String {
    let error = Object::read(answer).ok().and_then(|answer| answer.get("error"));
    let Some(error) = error else { return answer.to_owned() };
    with_code(answer, error, |code| match code {
        -32602 if method == "resources/read" => Some(-32002),
        -32022..=-32020 => Some(-32600),
        _ => None,
    })
}

/// An answer that says that it is public, saying that it is its asker's; `None` where it says no such thing.
pub(crate) fn for_its_asker(method: &str, answer: &str) -> Option<String> {
    if !CACHEABLE.contains(&method) {
        return None;
    }
    let result = Object::read(answer).ok()?.get("result")?;
    let scope = Object::read(result).ok()?.get("cacheScope")?;
    (scope != r#""private""#).then(|| with_part(answer, scope, r#""private""#))
}

fn with_code(answer: &str, error: &str, other: impl Fn(i64) -> Option<i64>) -> String {
    let code = Object::read(error).ok().and_then(|error| error.get("code"));
    match code.and_then(|raw| Some((raw, other(raw.parse().ok()?)?))) {
        Some((raw, code)) => with_part(answer, raw, &code.to_string()),
        None => answer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_added() {
        let list = r#"{"jsonrpc":"2.0","id":1,"result":{ "tools":[{"x":1.50e3}] }}"#;
        let told = for_stateless("tools/list", list);
        assert_eq!(
            told,
            list.replace("{ \"tools\"", r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private", "tools""#)
        );
        assert_eq!(for_stateless("tools/list", &told), told);
        let call = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(for_stateless("tools/call", call), call.replace("{}", r#"{"resultType":"complete"}"#));
    }

    #[test]
    fn codes_are_said_in_the_clients_era() {
        let error = |code: i64| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"m","data":{{"code":-32002}}}}}}"#)
        };
        assert_eq!(for_stateless("resources/read", &error(-32002)), error(-32602));
        assert_eq!(for_stateless("resources/read", &error(-32601)), error(-32601));
        assert_eq!(for_stateful("resources/read", &error(-32602)), error(-32002));
        assert_eq!(for_stateful("tools/call", &error(-32602)), error(-32602));
        assert_eq!(for_stateful("tools/call", &error(-32021)), error(-32600));
    }
}
