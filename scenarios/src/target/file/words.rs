//! Which words stand where in a target file.

/// Keys at the top: name, whether it must stand there, what it is.
pub const FILE: &[(&str, bool, &str)] = &[
    ("hub", true, "what reports call it, with its version"),
    ("start", false, "how it is started, once for each cell: command, in, env, ready, stop"),
    ("url", false, "instead of `start`: where it runs already, for example `http://127.0.0.1:8080`"),
    ("files", false, "files that are written into `{dir}` before it starts: `to`, and `template` (a file) or `text`"),
    ("prepare", false, "commands before it starts"),
    ("provision", false, "requests and commands once it is ready, in order"),
    (
        "revoke",
        false,
        "requests and commands that take a key away while it runs, in order; `files` are written anew before",
    ),
    ("reach", true, "its URLs: `upstream`, `group`, `all`; and `header`, how a key is shown"),
    ("naming", false, "how a merged route names things: `{upstream}__{name}` (default), another pattern, or `learned`"),
    ("promises", false, "sharing, identity-headers, refusals, logs, answers"),
    ("supports", false, "capabilities that it has"),
    ("unsupported", false, "capabilities that it does not have, each with the reason that is printed"),
    ("excluded", false, "scenarios that are not played, by id or glob, each with the reason that is printed"),
];

/// Keys at the top of the file of a server: name, whether it must stand there, what it is.
pub const SERVER: &[(&str, bool, &str)] = &[
    ("server", true, "what reports call it, with its version"),
    ("start", false, "how it is started, once for each cell: command, in, env, ready, stop"),
    ("url", false, "instead of `start`: where it runs already, for example `http://127.0.0.1:8080`"),
    ("files", false, "files that are written into `{dir}` before it starts"),
    ("prepare", false, "commands before it starts"),
    ("reach", true, "`server`: its URL; and `header`, how a token is shown"),
    ("accounts", false, "the accounts of `alice` and `bob`: `token`, and `is`; left out, sessions are the users"),
    ("state", false, "what `remember` stores for: `session` or `account`"),
    ("roles", true, "which tool plays which role: `tool`, `with`, `at`, `destructive`"),
    ("promises", false, "refusals, logs"),
    ("unsupported", false, "capabilities that it does not have, each with the reason that is printed"),
    ("excluded", false, "scenarios that are not played, by id or glob, each with the reason that is printed"),
];

/// What can be wrong with the file of a server alone, by code.
pub const WRONG: &[(&str, &str)] = &[
    ("T050", "an account for one user only: whether two are kept apart takes two"),
    ("T051", "a token in the file itself"),
    ("T052", "the file of a token cannot be read"),
    ("T053", "a variable of the environment is not set"),
    ("T054", "both accounts have the same token"),
    ("T055", "a token too short to be kept out of traces"),
    ("T056", "a role that there is not"),
    ("T057", "`{value}` is missing in a role that is given one, or stands in one that is not"),
    ("T058", "no role, or one without the other: `remember` and `recall`"),
    ("T059", "`state` is missing, or says what cannot be"),
    ("T060", "`whoami` without `is` of an account"),
];

/// Capabilities that every server is asked for unless `unsupported` names them.
pub const OF_SERVERS: &[(&str, &str)] = &[
    ("2025-03-26", "protocol revision"),
    ("2025-06-18", "protocol revision"),
    ("2025-11-25", "protocol revision"),
    ("authentication", "it refuses tokens that it never gave out; asked only where there are accounts"),
    ("sessions", "it gives out session ids and ends sessions by DELETE"),
    ("cancel", "it takes cancels"),
    ("progress", "it tells of progress"),
];

/// Capabilities that are only asked for where `supports` lists them: pairs of eras, and what
/// scenarios call `needs`, without the clock.
pub const OPTIONAL: &[(&str, &str)] = &[
    ("limits", "it can be given the limits of a scenario: `limits.session_idle` and so on"),
    ("keys", "a user can hold several keys"),
    ("routes", "several upstreams on routes of their own"),
    ("groups", "several upstreams shown as one: `reach.group`, `reach.all`"),
    ("rights", "it can be told which upstreams and tools a user may use"),
    ("stateless/stateless", "clients and upstreams of revision 2026-07-28, in which every request stands on its own"),
    ("stateless/stateful", "clients of 2026-07-28 at upstreams of the older revisions"),
    ("stateful/stateless", "clients of the older revisions at upstreams of 2026-07-28"),
    ("cache", "it can be told to keep lists and resources for a while"),
    ("revoke", "a key can be taken away while it runs: `revoke`"),
];

/// Capabilities that every hub is asked for unless `unsupported` names them.
pub const EXPECTED: &[(&str, &str)] = &[
    ("per-user", "each user's own credential goes upstream"),
    ("shared", "one credential of the hub's own goes upstream"),
    ("none", "no credential goes upstream"),
    ("2025-03-26", "protocol revision"),
    ("2025-06-18", "protocol revision"),
    ("2025-11-25", "protocol revision"),
    ("authentication", "it asks for keys and refuses wrong ones"),
    ("sessions", "it gives out session ids and ends sessions by DELETE"),
    ("unlinked", "a user may be without a credential for an upstream"),
    ("prompts", "it passes prompts on"),
    ("resources", "it passes resources on"),
    ("completions", "it passes completions on"),
    ("progress", "it passes progress on"),
    ("cancel", "it passes cancels on"),
    ("questions", "it passes on what an upstream asks a client, and the answer"),
    ("streams", "it offers listening streams, one a session, and lets a broken stream go on"),
    ("batches", "it takes several requests in one POST, in 2025-03-26"),
];

/// Placeholders that can stand in any line.
pub const ANYWHERE: &[(&str, &str)] = &[
    ("port", "a free port on 127.0.0.1, given to this cell alone"),
    ("url", "`http://127.0.0.1:{port}`, or the `url` of the file"),
    ("dir", "an empty folder of this cell's own"),
    ("target", "the folder of the target file"),
    ("secret", "a word that nobody can guess, for example for the hub's administrator"),
    ("pid", "the number of its process, once that was started: in `provision` and `revoke`"),
    ("revision", "the protocol revision of the cell"),
    ("credentials", "`per-user`, `shared` or `none`"),
];

/// Placeholders of a step for each user, key or upstream, and of `reach`.
pub const OF_USER: &[&str] = &["user", "key"];
/// The same for `for: key`.
pub const OF_KEY: &[&str] = &["user", "key", "key.name"];
/// The same for `for: upstream`.
pub const OF_UPSTREAM: &[&str] = &["upstream", "upstream.url", "upstream.kind"];
