//! Which words stand where. The loader's help and the JSON Schema for editors are both made from here.

use serde_json::{Map, Value, json};

use super::model::Pair;

/// Keys at the top of a file: name, whether it must stand there, what it is.
pub const FILE: &[(&str, bool, &str)] = &[
    ("scenario", true, "`group/name`, the same as the file's folder and name"),
    ("title", true, "one sentence that states the promise"),
    ("bugs", true, "bug classes of the registry that this file can see"),
    ("clauses", false, "clauses of the registry that this file exercises"),
    ("seed-case", false, "the case of the mission document that this file restates"),
    ("users", true, "who takes part: a list of names, or a map with their clients and rights"),
    (
        "upstreams",
        true,
        "the servers: a list of `db`, `github` and `jira`, or a map of names; `[server]` alone is a target that is one",
    ),
    ("groups", false, "routes on which the hub shows several upstreams as one: name and list; `all` is always there"),
    ("revisions", false, "protocol revisions in which it is played; all where left out"),
    (
        "eras",
        false,
        "pairs of eras, the clients' and the upstreams': `stateful/stateful` (default), `stateless/stateful` and so on; or a word for several",
    ),
    ("credentials", false, "whose credential is used upstream: per-user (default), shared, none; the matrix runs all"),
    (
        "needs",
        false,
        "what a target must be able to do: clock, limits, keys, routes, groups, rights, cache, restart, revoke; a server: accounts, session-state, account-state",
    ),
    (
        "limits",
        false,
        "limits that the target is given: session-idle, sessions-per-user, requests-per-user, upstream-sessions-per-server, call-timeout, cache, cache-hints, cache-public, answers-kept-per-key",
    ),
    (
        "seed",
        false,
        "the seed from which runs of this file count; only where a finding depends on how tasks change places",
    ),
    ("steps", true, "what happens, in order"),
];

/// Verbs: name, the keys that may stand beside it, what it does.
pub const VERBS: &[(&str, &[&str], &str)] = &[
    (
        "call",
        &[
            "as",
            "with",
            "via",
            "id",
            "held",
            "begun",
            "asked",
            "progress",
            "connection",
            "keep",
            "state",
            "answering",
            "level",
            "fault",
            "expect",
        ],
        "calls a tool, `upstream/tool`; of a server a role, `server/remember`",
    ),
    (
        "list",
        &["as", "what", "after", "keep", "id", "held", "state", "fault", "expect"],
        "asks an upstream, a group or `all` for its tools, or `what: prompts`, `resources`, `templates`",
    ),
    ("get", &["as", "with", "via", "id", "held", "state", "fault", "expect"], "gets a prompt, `upstream/prompt`"),
    ("read", &["as", "uri", "via", "id", "held", "state", "fault", "expect"], "reads a resource of an upstream"),
    (
        "complete",
        &["as", "template", "with", "via", "id", "expect"],
        "completes the argument of a prompt, `upstream/prompt`, or of an upstream's resource `template`",
    ),
    (
        "task",
        &["as", "of", "with", "via", "id", "expect"],
        "asks for a task that was kept, `upstream/get`, `update` with what it asked for, or `cancel`",
    ),
    ("batch", &["as", "calls", "expect"], "sends several calls to an upstream in one POST (revision 2025-03-26)"),
    ("initialize", &["as", "id", "offers", "expect"], "opens a new session at an upstream"),
    ("ping", &["as", "id", "expect"], "pings an upstream"),
    (
        "send",
        &["as", "to", "session", "token", "headers", "meta", "id", "expect"],
        "raw HTTP: GET, DELETE, or a map with `method`, `tool`, `with`, `layout`",
    ),
    (
        "open",
        &["as", "stream", "filter", "after", "reads", "expect"],
        "listens on a route for what `filter` names, or goes on `after` a stream that broke; `reads: nothing` leaves it unread",
    ),
    ("wait-for", &["expect"], "waits until a stream has told something, by its label"),
    ("answer", &["as", "with", "state", "expect"], "answers what was asked during a call, by its label"),
    ("await", &["expect"], "takes the answer of a held call, by its label"),
    ("release", &["order"], "lets held calls go: a list of labels"),
    ("cancel", &["expect"], "cancels a held call, by its label"),
    ("drop", &["expect"], "closes the connection of a held call, by its label"),
    ("close", &["as", "expect"], "ends the own session at an upstream"),
    ("advance-clock", &[], "moves the virtual clock, for example `31s`"),
    ("restart", &[], "ends the target and starts it again: `restart: target`"),
    ("revoke", &[], "takes away the key that a client holds, `alice` or `alice.phone`, while the target runs"),
    ("census", &["expect"], "looks at an upstream's ledger"),
];

/// What `expect` may say: name, what it means.
pub const EXPECT: &[(&str, &str)] = &[
    ("text", "the text of the result: what it contains, a map with `contains`, `excludes` or `exactly`, or `any`"),
    ("error", "the call fails, with a message: as `text`"),
    ("answered", "`anyhow`: an answer comes, a result or an error; or a map with `excludes`, what must not be in it"),
    ("before", "the answer comes before that of the call with this label, which was begun earlier"),
    ("tools", "names in a list of tools: `contains`, `excludes`; `db/echo` is `db`'s tool in the list of a group"),
    ("names", "the same for any list; resources and templates by their URIs"),
    ("refused", "the access is refused, for this reason"),
    ("status", "the HTTP status"),
    ("sessions", "of a census: `opened` and `open`"),
    ("progress", "how many notifications of progress came, under the own token"),
    ("logs", "how many log lines came on the way to the answer"),
    ("told", "of a stream: what came on it by then, as `text`"),
    ("answers", "of a batch: how many requests were answered, each exactly once"),
    ("scope", "for whom the answer says that it may be kept: `private` or `public`"),
    ("fresh-for", "for how many milliseconds the answer says that it is fresh, less by a second at most"),
    ("reached", "how often the request came to its upstream: not at all, where a kept answer was given again"),
    ("executed", "how often the tool really ran"),
    ("canceled", "of a cancel, and of a `drop`: how many cancels reached the upstream for that call"),
];

/// Reasons of a refusal.
pub const REFUSALS: &[&str] = &[
    "like-unknown-session",
    "unauthorized",
    "missing-session",
    "forbidden",
    "not-linked",
    "over-limit",
    "duplicate-id",
    "like-unknown-state",
    "like-unknown-handle",
    "header-mismatch",
    "missing-capability",
    "unsupported-version",
    "missing-meta",
    "unknown-method",
];
/// Pairs of eras: each by its name, and words for several.
pub const ERAS: &[(&str, &[Pair])] = &[
    ("stateful/stateful", &[FF]),
    ("stateful/stateless", &[FL]),
    ("stateless/stateful", &[LF]),
    ("stateless/stateless", &[LL]),
    ("every", &[FF, FL, LF, LL]),
    ("stateful", &[FF]),
    ("stateless", &[LL]),
    ("native", &[FF, LL]),
    ("bridged", &[FL, LF]),
    ("stateful-clients", &[FF, FL]),
    ("stateless-clients", &[LF, LL]),
    ("stateful-upstreams", &[FF, LF]),
    ("stateless-upstreams", &[FL, LL]),
];
const FF: Pair = Pair::ALL[0];
const FL: Pair = Pair::ALL[1];
const LF: Pair = Pair::ALL[2];
const LL: Pair = Pair::ALL[3];
/// Credential modes.
pub const CREDENTIALS: &[&str] = &["per-user", "shared", "none"];
/// Needs of a scenario.
pub const NEEDS: &[&str] = &[
    "clock",
    "limits",
    "keys",
    "routes",
    "groups",
    "rights",
    "cache",
    "restart",
    "accounts",
    "session-state",
    "account-state",
];
/// What a server can be asked to do: name, whether a value goes with it, what it is.
pub const ROLES: &[(&str, bool, &str)] = &[
    ("remember", true, "stores a value, for the session or for the account"),
    ("recall", false, "gives back what was stored"),
    ("list", false, "lists what the caller has stored"),
    ("whoami", false, "says whose account the caller uses"),
    ("echo", true, "gives its value back"),
    ("slow", false, "takes much longer than an echo"),
];
/// The group of all upstreams, which is always there.
pub const ALL: &str = "all";
/// Faults of an upstream.
pub const FAULTS: &[&str] = &["delay", "refuse", "disconnect", "malform"];

/// The JSON Schema that editors complete and check with.
pub fn schema() -> Value {
    let described = |text: &str| json!({ "description": text });
    let properties: Map<String, Value> =
        FILE.iter().map(|(name, _, what)| ((*name).to_owned(), described(what))).collect();
    let required: Vec<&str> = FILE.iter().filter(|(_, required, _)| *required).map(|(name, ..)| *name).collect();
    let mut properties = properties;
    properties["credentials"]["items"] = json!({ "enum": CREDENTIALS });
    properties["eras"]["items"] = json!({ "enum": ERAS.iter().map(|(word, _)| word).collect::<Vec<_>>() });
    properties["needs"]["items"] = json!({ "enum": NEEDS });
    properties["steps"]["items"] = json!({ "oneOf": VERBS.iter().map(verb_schema).collect::<Vec<_>>() });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Crosstalk scenario",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn verb_schema((verb, keys, what): &(&str, &[&str], &str)) -> Value {
    let expectations: Map<String, Value> =
        EXPECT.iter().map(|(name, what)| ((*name).to_owned(), json!({ "description": what }))).collect();
    let mut expect = json!({ "type": "object", "properties": expectations, "additionalProperties": false });
    expect["properties"]["refused"]["enum"] = json!(REFUSALS);
    let mut properties = Map::new();
    properties.insert((*verb).to_owned(), json!({ "description": what }));
    for key in *keys {
        let schema = match *key {
            "expect" => expect.clone(),
            "order" => json!({ "enum": ["given", "every"] }),
            "fault" => {
                json!({ "type": "object", "properties": FAULTS.iter().map(|f| ((*f).to_owned(), json!({}))).collect::<Map<_, _>>(), "additionalProperties": false })
            }
            _ => json!({}),
        };
        properties.insert((*key).to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "required": [verb], "additionalProperties": false })
}
