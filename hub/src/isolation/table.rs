//! The page: every table that callers share, how narrow it is, and why.

use std::hash::Hash;

use super::Level;

/// A shared table. `Id` names an entry inside a scope.
pub(crate) trait Table: Send + Sync + 'static {
    /// What names an entry inside a scope.
    type Id: Eq + Hash + Clone + Send + Sync + 'static;
    /// Its row of the page.
    const SHEET: Sheet;
}

/// One row of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet {
    /// Name in kebab case.
    pub name: &'static str,
    /// Its scope in the strict hub.
    pub level: Level,
    /// What an entry is named by, inside its scope.
    pub id: &'static str,
    /// What it holds.
    pub holds: &'static str,
    /// Why it is exactly this narrow.
    pub why: &'static str,
    /// The bug class of a hub that makes it wider.
    pub class: &'static str,
    /// Where a hub that makes it as wide as this is of a class of its own.
    pub special: &'static [(Level, &'static str)],
}

impl Sheet {
    /// The bug class of a hub that makes it this wide.
    pub fn class_at(&self, level: Level) -> &'static str {
        self.special.iter().find(|(special, _)| *special == level).map_or(self.class, |(_, class)| class)
    }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident($id:ty) = $sheet:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) enum $table {}

            impl Table for $table {
                type Id = $id;
                const SHEET: Sheet = $sheet;
            }
        )+

        /// Every table, in the order of the page.
        pub const SHEETS: &[Sheet] = &[$($table::SHEET),+];
    };
}

tables! {
    /// Client sessions, by route and id.
    Sessions((std::sync::Arc<str>, String)) = Sheet {
        name: "sessions",
        level: Level::Credential,
        id: "route and session id",
        holds: "client sessions",
        why: "a session belongs to one person, one key and one route; another key of the same person may have fewer rights",
        class: "session-id-not-bound-to-user",
        special: &[(Level::Principal, "weaker-credential-inherits-session")],
    };
    /// Sessions that the hub holds at upstreams, by server.
    UpstreamSessions(std::sync::Arc<str>) = Sheet {
        name: "upstream-sessions",
        level: Level::Session,
        id: "server",
        holds: "the MCP session that a client session has at an upstream",
        why: "an upstream keeps state by its own session id; two client sessions on one of them see each other's",
        class: "one-upstream-session-for-all",
        special: &[
            (Level::Credential, "same-user-sessions-merged"),
            (Level::Principal, "same-user-sessions-merged"),
            (Level::UpstreamCredential, "pool-key-omits-user"),
        ],
    };
    /// Calls that wait for an answer, by the id they have upstream.
    InFlight(u64) = Sheet {
        name: "in-flight",
        level: Level::Call,
        id: "the id the request has upstream",
        holds: "where the answer of a call goes",
        why: "ids are counted per upstream session, so equal ids are in flight all the time",
        class: "id-map-overwritten-across-clients",
        special: &[],
    };
    /// Request ids that a client has in flight.
    RequestIds(crate::envelope::Id) = Sheet {
        name: "request-ids",
        level: Level::Session,
        id: "the id the client gave the request",
        holds: "which call a client's id means, for cancel and for refusing duplicates",
        why: "every client counts from the same numbers; a wider table refuses or cancels a stranger's call",
        class: "cancel-hits-neighbour",
        special: &[],
    };
    /// Progress tokens of calls, by the token they have upstream.
    ProgressTokens(u64) = Sheet {
        name: "progress-tokens",
        level: Level::Call,
        id: "the token the request has upstream",
        holds: "where a call's progress goes, and under which token",
        why: "clients choose equal tokens, and what an upstream tells about one call is that caller's alone",
        class: "progress-token-collision",
        special: &[],
    };
    /// Questions of upstreams that wait for a client's answer, by the id that the client was shown.
    ReverseRequests(u64) = Sheet {
        name: "reverse-requests",
        level: Level::Session,
        id: "the id the client was shown",
        holds: "which upstream asked a client something, and under which id",
        why: "every session counts its questions from one; in a wider table one client answers what another was asked",
        class: "reverse-reply-from-any-session",
        special: &[],
    };
    /// Event streams to clients, by their number in the session.
    ReplayEvents(u64) = Sheet {
        name: "replay-events",
        level: Level::Session,
        id: "stream, numbered in the session",
        holds: "what an upstream told a session outside of answers, and what of it may be asked for again",
        why: "every session numbers its streams and events alike; in a wider table one reads what another was told",
        class: "replay-crosses-session",
        special: &[],
    };
    /// Resources of merged routes, by the URI that a session was told.
    ResourceOwners(crate::catalog::ToldUri) = Sheet {
        name: "resource-owners",
        level: Level::Session,
        id: "URI as told",
        holds: "which server a resource belongs to, and what it is called there",
        why: "two routes or two people may see one URI at different servers",
        class: "name-collision-across-owners",
        special: &[],
    };
    /// Lists that may be given again.
    ListCache(crate::relay::Asked) = Sheet {
        name: "list-cache",
        level: Level::Credential,
        id: "server, method and params",
        holds: "lists of tools, prompts and resources, while they are fresh",
        why: "a server shows each account its own tools; what one key was shown is no other's",
        class: "tool-list-cache-shared",
        special: &[],
    };
    /// Resources that may be given again.
    ReadCache(crate::relay::Asked) = Sheet {
        name: "read-cache",
        level: Level::Credential,
        id: "server, method and params",
        holds: "resources that were read, while they are fresh",
        why: "one URI holds each account's own data",
        class: "result-cache-omits-caller",
        special: &[],
    };
    /// Answers that their server calls public.
    PublicCache(String) = Sheet {
        name: "public-cache",
        level: Level::Upstream,
        id: "method and params",
        holds: "lists and resources that their server calls public, while they are fresh and where the operator lets them be shared",
        why: "an answer is one server's, and that it is everybody's is said of those who may reach that server",
        class: "name-collision-across-owners",
        special: &[],
    };
    /// Requests that wait for another round, by the number in the state that their client keeps.
    RequestStates(String) = Sheet {
        name: "request-states",
        level: Level::Credential,
        id: "the random number sealed in the state",
        holds: "requests that wait for more input, and whether their state was shown already",
        why: "a state is as good as a key to what its request has begun; only the key that began it may go on",
        class: "request-state-not-bound",
        special: &[(Level::Principal, "weaker-credential-inherits-session")],
    };
    /// Tasks that clients without a session have begun, by the id that they were given.
    Tasks(String) = Sheet {
        name: "tasks",
        level: Level::Credential,
        id: "the id that the hub gave it",
        holds: "which task of which server an id means, and until when",
        why: "the id of a task is as good as a key to its result; it opens for the key that began it, whatever its server checks",
        class: "object-handle-not-owned",
        special: &[(Level::Principal, "weaker-credential-inherits-session")],
    };
    /// Sessions that the hub holds for clients without one, by route, server and what they declare.
    BridgedSessions(crate::relay::Bridge) = Sheet {
        name: "bridged-sessions",
        level: Level::Credential,
        id: "route, server and declared capabilities",
        holds: "the session that the hub holds at an upstream for clients that have none",
        why: "an upstream keeps state by its session; what one key has done there is no other's",
        class: "one-upstream-session-for-all",
        special: &[
            (Level::Principal, "weaker-credential-inherits-session"),
            (Level::UpstreamCredential, "pool-key-omits-user"),
        ],
    };
    /// Children that serve requests without a session, by server.
    ChildProcesses(std::sync::Arc<str>) = Sheet {
        name: "child-processes",
        level: Level::Credential,
        id: "server",
        holds: "the child process that serves requests without a session",
        why: "a process has one credential in its environment and one memory; both are of whoever it was started for",
        class: "one-upstream-session-for-all",
        special: &[
            (Level::Principal, "weaker-credential-inherits-session"),
            (Level::UpstreamCredential, "pool-key-omits-user"),
        ],
    };
    /// Clients without a session that listen, by a number of the hub's.
    Subscriptions(u64) = Sheet {
        name: "subscriptions",
        level: Level::Session,
        id: "a number of the hub's",
        holds: "who listens to what a session of the hub's is told, and what they asked for",
        why: "what an upstream tells a session is for those on whose behalf it was opened",
        class: "broadcast-upstream-notification",
        special: &[],
    };
    /// Levels of log messages, by server.
    LogLevels(std::sync::Arc<str>) = Sheet {
        name: "log-levels",
        level: Level::Session,
        id: "server",
        holds: "from which level on a server logs for a session",
        why: "how much one client wants to hear is no reason to tell others as much, or as little",
        class: "log-level-global",
        special: &[],
    };
    /// Resources that a session has subscribed to at a server that keeps no sessions, by server and URI.
    ResourceSubscriptions((std::sync::Arc<str>, String)) = Sheet {
        name: "resource-subscriptions",
        level: Level::Session,
        id: "server and URI",
        holds: "which resources the hub listens to for a session, where the server keeps none",
        why: "a session is told of what it has subscribed to; the first to unsubscribe ends nobody else's",
        class: "resource-update-fanout",
        special: &[],
    };
    /// Listens that the hub holds for sessions at servers that keep none, by server.
    UpstreamListens(std::sync::Arc<str>) = Sheet {
        name: "upstream-listens",
        level: Level::Session,
        id: "server",
        holds: "the way to have a session's listen begun anew when its subscriptions change",
        why: "a listen carries what one session has subscribed to; in a wider table another's begins anew instead",
        class: "unsubscribe-for-all",
        special: &[],
    };
    /// What tools want repeated in headers, by server and name.
    ToolHeaders(crate::relay::Tool) = Sheet {
        name: "tool-headers",
        level: Level::Credential,
        id: "server and tool",
        holds: "which arguments of a tool are repeated in headers",
        why: "a server shows each account its own tools; what one was shown is not how another's calls are sent",
        class: "tool-list-cache-shared",
        special: &[],
    };
    /// How a server that was asked wants to be spoken to, by server.
    UpstreamEras(std::sync::Arc<str>) = Sheet {
        name: "upstream-eras",
        level: Level::UpstreamCredential,
        id: "server",
        holds: "in which era a server is spoken to, as it said itself",
        why: "what a server answers one account must not decide how another's requests are sent",
        class: "era-decided-by-sight",
        special: &[],
    };
    /// How many sessions somebody may still open.
    SessionSlots(()) = Sheet {
        name: "session-slots",
        level: Level::Principal,
        id: "nothing: one entry a scope",
        holds: "how many sessions may still be opened",
        why: "who opens too many is refused themselves, and nobody else",
        class: "cap-evicts-strangers",
        special: &[],
    };
    /// How many requests without a session somebody may still have in flight.
    RequestSlots(()) = Sheet {
        name: "request-slots",
        level: Level::Principal,
        id: "nothing: one entry a scope",
        holds: "how many requests without a session may still be in flight",
        why: "who asks for too much at once is refused themselves, and nobody else",
        class: "cap-evicts-strangers",
        special: &[],
    };
    /// How many sessions the hub may still open at an upstream.
    UpstreamSlots(()) = Sheet {
        name: "upstream-slots",
        level: Level::Upstream,
        id: "nothing: one entry a scope",
        holds: "how many sessions may still be opened at an upstream",
        why: "a server that is full is full for those who ask it, and says nothing about any other",
        class: "cap-evicts-strangers",
        special: &[],
    };
    /// Credentials for upstreams, by server.
    UpstreamCredentials(std::sync::Arc<str>) = Sheet {
        name: "upstream-credentials",
        level: Level::Principal,
        id: "server",
        holds: "whom the hub acts as at an upstream",
        why: "an upstream must see the person who asks, never the one who asked first",
        class: "token-store-keyed-by-server",
        special: &[],
    };
}
