//! Secrets become fingerprints before anything is stored.
//!
//! A fingerprint is a keyed hash: equal secrets have equal fingerprints, so that oracles can compare
//! them, and whoever reads a stored trace learns nothing, not even whether a secret they guess is the
//! one. The key is made for one recording and dies with it. What a fingerprint hides and an oracle asks
//! for, how long a session id is and how like another, is noted beside it.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use rand::{TryRng, rngs::SysRng};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::seen::{Body, Seen, Side};
use crate::{
    oracles::session_ids,
    trace::{facts::Shape, index::header, sight::spellings},
};

/// How every fingerprint begins.
pub const BEGINNING: &str = "redacted-";
/// Shorter values are not looked for in bodies: they would be found everywhere.
pub(super) const SHORTEST: usize = 6;
/// Words in the names of headers and members whose values are secrets.
const SECRET_WORDS: [&str; 9] =
    ["authorization", "cookie", "token", "secret", "password", "api-key", "api_key", "apikey", "session-id"];
/// Values of such members that say what the secret is, not the secret: `"token_type": "bearer"`, schemas.
const NO_SECRETS: [&str; 7] = ["bearer", "basic", "digest", "string", "number", "object", "boolean"];
/// Session ids with which a new one is compared.
const COMPARED: usize = 1000;

/// Replaces secrets in what was seen, with one key for one recording.
#[derive(Debug)]
pub struct Redactor {
    key: [u8; 32],
    secrets: BTreeMap<String, Form>,
    /// Searches for every spelling of every secret; made anew when there is a new one.
    searcher: Option<(AhoCorasick, Vec<String>)>,
    /// Session ids that the hub gave out, the newest last.
    given: Vec<String>,
}

/// In which spellings a secret is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// As it is.
    Plain,
    /// In every encoding in which somebody may pass a credential on.
    Encoded,
}

impl Redactor {
    /// A redactor with a key that nobody else has.
    ///
    /// # Errors
    /// What the system's source of randomness says.
    pub fn new() -> Result<Self, rand::rngs::SysError> {
        let mut key = [0; 32];
        SysRng.try_fill_bytes(&mut key)?;
        Ok(Self { key, secrets: BTreeMap::new(), searcher: None, given: Vec::new() })
    }

    /// Takes in a credential that is known beforehand.
    pub fn know(&mut self, credential: &str) {
        self.take(credential, Form::Encoded);
    }

    /// Takes in the secrets of headers.
    pub fn know_headers(&mut self, headers: &[(String, String)]) {
        for (name, value) in headers.iter().filter(|(name, _)| is_secret(name)) {
            let form = if name.contains("session-id") { Form::Plain } else { Form::Encoded };
            // `Bearer` stays readable: it is the credential behind it that is looked for.
            let credential = value.split_once(' ').map(|(_, credential)| credential.trim_start());
            let whole = name != "authorization" || credential.is_none_or(|credential| credential.len() < SHORTEST);
            if let Some(credential) = credential {
                self.take(credential, form);
            }
            if whole {
                self.take(value, form);
            }
        }
    }

    /// Takes in every secret of an exchange.
    pub fn know_all(&mut self, seen: &Seen) {
        self.know_headers(&seen.headers);
        self.know_headers(&seen.answer_headers);
        for text in [&seen.body, &seen.answer] {
            let text = String::from_utf8_lossy(&text.bytes);
            let lines = text.lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
            for value in lines.filter_map(|line| serde_json::from_str(line.trim()).ok()) {
                self.know_members(&value);
            }
        }
    }

    /// The exchange with every secret that is known replaced, wherever it stands.
    pub fn redacted(&mut self, mut seen: Seen) -> Seen {
        if self.searcher.is_none() {
            self.searcher = Some(self.build());
        }
        let (searcher, fingerprints) = self.searcher.as_ref().expect("it was built above");
        seen.path = searcher.replace_all(&seen.path, fingerprints);
        for body in [&mut seen.body, &mut seen.answer] {
            // The end of what was kept may be half a secret, and nobody judges half a body.
            if body.lost > 0 {
                *body = Body { bytes: Vec::new(), lost: body.lost + body.bytes.len() as u64 };
            }
            body.bytes = searcher.replace_all_bytes(&body.bytes, fingerprints);
        }
        for (name, value) in seen.headers.iter_mut().chain(&mut seen.answer_headers) {
            *value = if is_secret(name) && value.len() < SHORTEST {
                self.fingerprint(value)
            } else {
                searcher.replace_all(value, fingerprints)
            };
        }
        seen
    }

    /// What a session id looks like that this exchange gives out; `None` where it gives none.
    pub fn shape(&mut self, seen: &Seen) -> Option<Shape> {
        let id = header(&seen.answer_headers, "mcp-session-id").filter(|_| seen.side == Side::Client)?;
        if header(&seen.headers, "mcp-session-id") == Some(id) {
            return None;
        }
        let like = self.given.iter().rev().take(COMPARED).map(|other| session_ids::agreement(id, other)).max();
        let visible = session_ids::is_visible(id);
        let shape = Shape { length: id.len(), visible, alike_percent: like.unwrap_or_default() };
        self.given.push(id.to_owned());
        Some(shape)
    }

    /// Forgets which session ids were given out, to go through the exchanges once more.
    pub fn begin_again(&mut self) {
        self.given.clear();
    }

    /// What stands for a secret.
    pub fn fingerprint(&self, secret: &str) -> String {
        // The outer hash keeps what is known of one secret from being prolonged to another.
        let inner = Sha256::new().chain_update(self.key).chain_update(secret).finalize();
        let outer = Sha256::new().chain_update(self.key).chain_update(inner).finalize();
        let hex: String = outer.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        format!("{BEGINNING}{hex}")
    }

    fn take(&mut self, secret: &str, form: Form) {
        let said = NO_SECRETS.iter().any(|word| secret.eq_ignore_ascii_case(word));
        if secret.len() < SHORTEST || said || self.secrets.get(secret).is_some_and(|known| *known >= form) {
            return;
        }
        self.secrets.insert(secret.to_owned(), form);
        self.searcher = None;
    }

    fn know_members(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.know_members(item)),
            Value::Object(object) => {
                for (name, value) in object {
                    match value {
                        // A progress token is a number of the client's, no secret.
                        Value::String(secret) if is_secret(name) && name != "progressToken" => {
                            self.take(secret, Form::Plain);
                        }
                        other => self.know_members(other),
                    }
                }
            }
            _ => {}
        }
    }

    fn build(&self) -> (AhoCorasick, Vec<String>) {
        let (mut patterns, mut fingerprints) = (Vec::new(), Vec::new());
        for (secret, form) in &self.secrets {
            let escaped = Value::from(secret.as_str()).to_string();
            let mut all = spellings(secret);
            if *form == Form::Plain {
                all.retain(|spelling| spelling == secret);
            }
            all.insert(escaped[1..escaped.len() - 1].to_owned());
            all.insert(secret.bytes().map(percent_encoded).collect());
            fingerprints.extend(std::iter::repeat_n(self.fingerprint(secret), all.len()));
            patterns.extend(all);
        }
        let searcher = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns)
            .expect("the secrets of a bounded recording fit an automaton");
        (searcher, fingerprints)
    }
}

/// A byte as it stands in a query.
fn percent_encoded(byte: u8) -> String {
    let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// Whether what has this name is a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Vec<Seen> {
        let bearer = |token: &str, body: &str| Seen {
            headers: vec![("authorization".into(), format!("Bearer {token}")), ("accept".into(), "*/*".into())],
            answer: Body { bytes: body.as_bytes().to_vec(), lost: 0 },
            ..Seen::asked(Side::Client, "GET", "/mcp?key=alice-key-1")
        };
        vec![
            bearer("alice-key-1", "data: {\"password\":\"hunter\\\"22\",\"token_type\":\"Bearer\"}\n\n"),
            bearer("alice-key-1", "you are alice-key-1, hunter\"22, in hex 616c6963652d6b65792d31"),
            bearer("bob-key-1", "{\"said\":\"hunter\\\"22, basic Ym9iLWtleS0x\"}"),
        ]
    }

    fn redact(seen: Vec<Seen>) -> Vec<Seen> {
        let mut redactor = Redactor::new().unwrap();
        seen.iter().for_each(|seen| redactor.know_all(seen));
        seen.into_iter().map(|seen| redactor.redacted(seen)).collect()
    }

    #[test]
    fn no_secret_stays_in_any_spelling_and_equal_ones_stay_equal() {
        let seen = redact(seen());
        let answers: Vec<_> = seen.iter().map(|seen| seen.answer.text().unwrap()).collect();
        let stored = format!("{answers:?} {:?}", seen.iter().map(|s| (&s.path, &s.headers)).collect::<Vec<_>>());
        for secret in ["alice-key-1", "bob-key-1", "hunter", "616c6963652d6b65", "Ym9iLWtleS0"] {
            assert!(!stored.contains(secret), "{secret} in {stored}");
        }
        assert_eq!(seen[0].headers, seen[1].headers);
        assert_ne!(seen[0].headers, seen[2].headers);
        assert_eq!(seen[0].headers[1].1, "*/*");
        assert!(seen[0].headers[0].1.starts_with("Bearer redacted-"), "{stored}");
    }

    #[test]
    fn half_a_secret_is_not_stored() {
        let mut seen = seen();
        seen[2].answer = Body { bytes: b"you are alice-key".to_vec(), lost: 2 };
        assert_eq!(redact(seen)[2].answer, Body { bytes: Vec::new(), lost: 19 });
    }

    #[test]
    fn another_recording_has_other_fingerprints() {
        assert_ne!(redact(seen())[0].headers, redact(seen())[0].headers);
    }

    #[test]
    fn a_session_id_is_described_before_it_is_hidden() {
        let mut redactor = Redactor::new().unwrap();
        let mut opened = Seen::asked(Side::Client, "POST", "/mcp");
        opened.answer_headers = vec![("mcp-session-id".into(), "session-1".into())];
        assert_eq!(redactor.shape(&opened), Some(Shape { length: 9, visible: true, alike_percent: 0 }));
        opened.answer_headers[0].1 = "session-2".into();
        assert_eq!(redactor.shape(&opened), Some(Shape { length: 9, visible: true, alike_percent: 88 }));
        opened.headers.clone_from(&opened.answer_headers);
        assert_eq!(redactor.shape(&opened), None);
    }
}
