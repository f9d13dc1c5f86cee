//! What spreads a file out into cells, and what a target is given for it: eras, revisions, credential modes, limits.

use fake_upstreams::Kind;
use indexmap::IndexMap;

use super::{
    super::{
        grammar,
        model::{CredentialMode, Limits, Pair, Revision, Upstream},
        source::Spanned,
        tree::{Node, Value},
    },
    Lowering,
};

const MODES: &[(&str, CredentialMode)] =
    &[("per-user", CredentialMode::PerUser), ("shared", CredentialMode::Shared), ("none", CredentialMode::None)];

impl Lowering<'_> {
    /// Pairs of eras, each by its own name or by a word for several.
    pub(super) fn eras(&mut self, node: &Node) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for named in self.list(node, "pair of eras", grammar::ERAS) {
            pairs.extend(named.iter().copied().filter(|pair| !pairs.contains(pair)).collect::<Vec<_>>());
        }
        pairs
    }

    pub(super) fn revisions(&mut self, node: &Node) -> Vec<Revision> {
        let names = Revision::STATEFUL.map(|revision| (revision.to_string(), revision));
        let known: Vec<(&str, Revision)> = names.iter().map(|(name, revision)| (name.as_str(), *revision)).collect();
        self.list(node, "protocol revision", &known)
    }

    pub(super) fn modes(&mut self, node: &Node, upstreams: &IndexMap<String, Upstream>) -> Vec<CredentialMode> {
        let modes = self.list(node, "credential mode", MODES);
        let asks = |upstream: &&Upstream| upstream.kind.parse::<Kind>().is_ok_and(Kind::asks_who_calls);
        if let Some(upstream) = upstreams.values().find(asks)
            && modes.iter().any(|mode| *mode != CredentialMode::PerUser)
        {
            self.wrong_help(
                "S037",
                node.span,
                format!("`{}` asks who calls, so its users need credentials of their own", upstream.kind),
                "leave `credentials` out, or use `db` alone",
            );
        }
        modes
    }

    fn list<T: Clone>(&mut self, node: &Node, what: &str, known: &[(&str, T)]) -> Vec<T> {
        self.spanned_list(node, what, known).into_iter().map(|word| word.value).collect()
    }

    pub(super) fn spanned_list<T: Clone>(&mut self, node: &Node, what: &str, known: &[(&str, T)]) -> Vec<Spanned<T>> {
        let items: Vec<&Node> = match &node.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        let words: Vec<_> =
            items.iter().filter_map(|item| Some(Spanned::new(self.word(item, what, known)?, item.span))).collect();
        if items.is_empty() {
            self.wrong("S038", node.span, format!("an empty list of {what}s"));
        }
        words
    }

    pub(super) fn limits(&mut self, node: &Node) -> Limits {
        let Some(mut fields) = self.map(node, "`limits`") else { return Limits::default() };
        let mut count = |key: &'static str| {
            let count = fields.take(key).and_then(|node| self.count(node, &format!("`{key}`")));
            count.and_then(|count| u32::try_from(count).ok())
        };
        let sessions_per_user = count("sessions-per-user");
        let upstream_sessions_per_server = count("upstream-sessions-per-server");
        let requests_per_user = count("requests-per-user");
        let answers_kept_per_key = count("answers-kept-per-key");
        let sharing = [("own", false), ("shared", true)];
        let shared =
            fields.take("cache-public").and_then(|node| self.word(node, "way to keep what is public", &sharing));
        let limits = Limits {
            session_idle: fields.take("session-idle").and_then(|node| self.time(node, "`session-idle`")),
            sessions_per_user,
            upstream_sessions_per_server,
            requests_per_user,
            call_timeout: fields.take("call-timeout").and_then(|node| self.time(node, "`call-timeout`")),
            cache: fields.take("cache").and_then(|node| self.time(node, "`cache`")),
            cache_hints: fields.take("cache-hints").and_then(|node| self.time(node, "`cache-hints`")),
            cache_public: shared.unwrap_or_default(),
            answers_kept_per_key,
        };
        self.finish(&fields, "`limits`");
        limits
    }
}
