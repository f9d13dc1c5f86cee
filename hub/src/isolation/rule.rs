//! What is not a table and must hold all the same: one name for each decision, taken at one place.

use std::fmt;

/// A row of the page of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleSheet {
    /// Name in kebab case; the defect is called `without/<name>`.
    pub name: &'static str,
    /// What holds.
    pub says: &'static str,
    /// The bug class of a hub without it.
    pub class: &'static str,
}

macro_rules! rules {
    ($($rule:ident = $name:literal, $says:literal, $class:literal;)+) => {
        /// A decision that keeps users apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $says] $rule,)+
        }

        impl Rule {
            /// All rules, in the order of the page.
            pub const ALL: &[Self] = &[$(Self::$rule),+];

            /// This rule's row of the page.
            pub const fn sheet(self) -> RuleSheet {
                match self {
                    $(Self::$rule => RuleSheet { name: $name, says: $says, class: $class },)+
                }
            }
        }
    };
}

rules! {
    AuthenticateEveryRequest = "authenticate-every-request",
        "A session id is no credential: every request carries a key, and the key is checked.", "any-valid-token";
    RefuseRevokedKeys = "refuse-revoked-keys",
        "A key that was taken away is refused from the next request on.", "revocation-hidden-by-cache";
    EndWithTheKey = "end-with-the-key",
        "What was begun with a key ends when the key is taken away, or is good for something else.", "revoke-leaves-connection-open";
    SessionBoundToRoute = "session-bound-to-route",
        "A session id is known on the route that gave it out, and nowhere else.", "session-replayed-on-other-route";
    SameRefusal = "same-refusal",
        "A foreign session id is answered exactly as one that never existed.", "owner-check-degrades";
    RefuseMissingSessionId = "refuse-missing-session-id",
        "A request without a session id is refused, never given some live session.", "missing-session-id-uses-live-one";
    MintSessionIds = "mint-session-ids",
        "The hub chooses session ids; one that a client brings to initialize is ignored.", "client-chosen-session-id";
    UnguessableSessionIds = "unguessable-session-ids",
        "A session id has 256 random bits.", "session-id-not-bound-to-user";
    ForwardNoHubToken = "forward-no-hub-token",
        "The key that a client shows the hub never goes upstream.", "hub-token-forwarded";
    NoFallbackCredential = "no-fallback-credential",
        "A user without a credential of their own is told so; the hub's own is never lent.", "shared-env-credential";
    RefuseDuplicateId = "refuse-duplicate-id",
        "A request id that is in flight in its session is refused.", "duplicate-id-in-flight";
    DropLateAnswer = "drop-late-answer",
        "An answer whose call is gone is dropped, never given to the next in line.", "late-answer-shifts-the-stream";
    CallsRunSideBySide = "calls-run-side-by-side",
        "A call waits for nobody else's.", "head-of-line-call";
    NeverRetrySideEffect = "never-retry-side-effect",
        "A request that may have reached the upstream is not sent again.", "side-effect-retried";
    FaultEndsOnlyItsCall = "fault-ends-only-its-call",
        "An upstream's failure is told to the call that met it, and touches no other.", "shared-breaker";
    RedactErrors = "redact-errors",
        "An error names the server and the reason, and no credential, address or foreign name.", "secrets-in-error";
    LogNoSecrets = "log-no-secrets",
        "The log names users, servers and sessions by name, and holds no credential and nothing of what is said.", "secrets-in-log";
    CountWorkInFlight = "count-work-in-flight",
        "A session with a call in flight is not idle.", "stale-close-kills-replacement";
    ReapIdleSessions = "reap-idle-sessions",
        "A session that was idle for too long is ended.", "nothing-is-ever-reaped";
    CapEvictsNobody = "cap-evicts-nobody",
        "At the cap the one who asks is refused; no session is ended to make room.", "cap-evicts-strangers";
    CapLendsNobodysSession = "cap-lends-nobodys-session",
        "At a server's cap the one who asks is refused; nobody is given a session that another is using.", "cap-hit-borrows-active-connection";
    KeepUpstreamSession = "keep-upstream-session",
        "All calls of a session use one upstream session, so that what it remembers is there.", "upstream-session-slot-shared";
    ForgetOnlyWhatWasLost = "forget-only-what-was-lost",
        "When an upstream has forgotten a session, that session is given up, and never the one that has replaced it.", "stale-close-kills-replacement";
    CloseUpstreamWithOwner = "close-upstream-with-owner",
        "When a session ends, its upstream session is ended too.", "nothing-is-ever-reaped";
    CheckRightsWithEveryCall = "check-rights-with-every-call",
        "What a list leaves out cannot be called by its name either.", "list-filtered-call-open";
    CursorBoundToHolder = "cursor-bound-to-holder",
        "The cursor of a merged list opens for the key, the route and the list that it was given to.", "object-handle-not-owned";
    SendIdentity = "send-identity",
        "An upstream that is to be told who calls is told so with every request.", "global-current-user";
    TranslateCancel = "translate-cancel",
        "A cancel names the request by the id that the upstream knows.", "cancel-not-translated";
    AskOnlyWhatIsOffered = "ask-only-what-is-offered",
        "A client is asked only what it offered itself; anything else is refused to the upstream.", "first-handshake-reused";
    AskWhomItConcerns = "ask-whom-it-concerns",
        "What an upstream asks during a call is asked of the client whose call it is.", "server-request-routed-by-server";
    AnswerOnce = "answer-once",
        "An upstream's question is answered once, by the first answer.", "reverse-reply-from-any-session";
    TellWhomItConcerns = "tell-whom-it-concerns",
        "What an upstream tells a session is told to that session's client alone.", "broadcast-upstream-notification";
    SlowReaderHarmsItself = "slow-reader-harms-itself",
        "Who does not read what is told holds up their own stream, and nobody else's.", "slow-reader-stalls-others";
    EndStreamsWithSession = "end-streams-with-session",
        "A listening stream ends with its session, and nothing more is told on it.", "revoke-leaves-connection-open";
    WrapRequestState = "wrap-request-state",
        "The state that an upstream gives a request to keep goes to the client sealed, never as it is.", "request-state-not-bound";
    RequestStateOfItsRequest = "request-state-of-its-request",
        "The state of a request opens for the route, the method, the name and the params that it was made for.", "request-state-not-bound";
    RequestStateOnce = "request-state-once",
        "The state of a request is good once.", "request-state-not-bound";
    RequestStateExpires = "request-state-expires",
        "The state of a request is good for a while, and then what waits for it is given up.", "request-state-not-bound";
    MintTaskIds = "mint-task-ids",
        "The id of a task goes to its client as one of the hub's, never as its server gave it.", "object-handle-not-owned";
    TaskIdBoundToRoute = "task-id-bound-to-route",
        "The id of a task is known on the route that gave it out, and nowhere else.", "object-handle-not-owned";
    TaskIdsExpire = "task-ids-expire",
        "The id of a task is good for as long as its server keeps it, and a day at most.", "nothing-is-ever-reaped";
    TasksWithinTheirEra = "tasks-within-their-era",
        "What is asked about tasks in one era is not carried into the other, where it means something else.", "object-handle-not-owned";
    NoTasksOfSessions = "no-tasks-of-sessions",
        "Tasks of the era of sessions are refused: the hub could not keep their ids to who has begun them.", "object-handle-not-owned";
    CloseIsCancel = "close-is-cancel",
        "In the stateless era a client that goes away has canceled its call, and the upstream is told.", "closing-cancels-nothing";
    LostConnectionIsNoCancel = "lost-connection-is-no-cancel",
        "In the era of sessions a client that loses its connection has canceled nothing, and its call goes on.", "lost-connection-cancels";
    HeadersMatchBody = "headers-match-body",
        "A stateless request whose headers do not say what its body says is refused.", "headers-not-checked";
    CapabilitiesOfTheRequest = "capabilities-of-the-request",
        "What a stateless client can be asked is what this very request declares.", "capability-of-another-request";
    LogWhatWasAsked = "log-what-was-asked",
        "Log messages go to a stateless request that asked for them, from its level on.", "told-without-asking";
    TellWhatWasAsked = "tell-what-was-asked",
        "A listening client is told what its filter names and nothing else.", "told-without-asking";
    ClearEnvironment = "clear-environment",
        "A child finds in its environment what its server is granted and its own credential, and nothing of the hub's.", "shared-env-credential";
    OneWriter = "one-writer",
        "A child has one writer, which writes whole messages.", "stdin-frames-interleave";
    OneLineAMessage = "one-line-a-message",
        "A message to a child is one line, however its client has laid it out.", "stdin-frames-interleave";
    StartAnewWhatDied = "start-anew-what-died",
        "A child that has died is started anew for its owner with the next request.", "second-client-crashes-hub";
    GoOnWhereItStopped = "go-on-where-it-stopped",
        "A client that names the last event it saw is given what came after it on that stream, and not another stream.", "broken-stream-is-lost";
    GoOnInItsOwnSession = "go-on-in-its-own-session",
        "A stream that its upstream has ended is asked for again in the session that it belongs to, and in no other.", "retry-lands-in-other-session";
    GoOnAfterWhatCame = "go-on-after-what-came",
        "A stream that its upstream has ended is asked for again from the last event on that came there.", "broken-stream-is-lost";
    HonorCacheHints = "honor-cache-hints",
        "An answer is kept no longer than it says that it may be, and one that says nothing good is not kept.", "kept-beyond-its-time";
    TellWhatRemains = "tell-what-remains",
        "A kept answer says for how long it is still fresh, and not for how long it was.", "kept-beyond-its-time";
    PrivateIsPrivate = "private-is-private",
        "An answer that its server does not call public is given to nobody else.", "tool-list-cache-shared";
    ShareOnlyByLeave = "share-only-by-leave",
        "An answer that its server calls public is shared only where the operator lets it.", "public-hint-believed";
    AuthorizeBeforeCache = "authorize-before-cache",
        "A kept answer is given to who may reach its server now, and shows what they may use.", "cache-before-authorization";
    PublicIsForAll = "public-is-for-all",
        "An answer is called public only where everybody may use all that its server has.", "public-hint-believed";
    KeepForWhatIsDeclared = "keep-for-what-is-declared",
        "An answer is given again only to a client that declares the same capabilities.", "first-handshake-reused";
    DiscardWhatChanged = "discard-what-changed",
        "What its server says has changed is not given again.", "change-outrun-by-cache";
    KeepNothingThatChanged = "keep-nothing-that-changed",
        "An answer that was asked for before its server said that it changed is not kept.", "change-outrun-by-cache";
    KeepWithinOnesOwnBound = "keep-within-ones-own-bound",
        "Who has more kept than they may loses their own oldest, and nobody else's.", "cap-evicts-strangers";
    OneListeningStream = "one-listening-stream",
        "A second listening stream of a session is refused, and takes nothing from the first.", "newest-stream-steals";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sheet().name)
    }
}
