//! Secrets become fingerprints before anything is stored.
//!
//! A fingerprint is a keyed hash: equal secrets have equal fingerprints, so that oracles can compare
//! them, and whoever reads a stored trace learns nothing, not even whether a secret they guess is the
//! one. The key is made for one recording and dies with it.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use rand::{TryRng, rngs::SysRng};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::seen::Seen;

/// Shorter values are not looked for in bodies: they would be found everywhere.
const SHORTEST: usize = 6;
/// Words in the names of headers and members whose values are secrets.
const SECRET_WORDS: [&str; 9] =
    ["authorization", "cookie", "token", "secret", "password", "api-key", "api_key", "apikey", "session-id"];

/// Replaces secrets in what was seen, with one key for one recording.
#[derive(Debug)]
pub struct Redactor {
    key: [u8; 32],
}

impl Redactor {
    /// A redactor with a key that nobody else has.
    ///
    /// # Errors
    /// What the system's source of randomness says.
    pub fn new() -> Result<Self, rand::rngs::SysError> {
        let mut key = [0; 32];
        SysRng.try_fill_bytes(&mut key)?;
        Ok(Self { key })
    }

    /// Replaces every secret, wherever it stands.
    pub fn redact(&self, seen: &mut [Seen]) {
        let secrets: Vec<String> = secrets(seen).into_iter().collect();
        let fingerprints: Vec<String> = secrets.iter().map(|secret| self.fingerprint(secret)).collect();
        let searcher = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&secrets)
            .expect("the secrets of a bounded recording fit an automaton");
        for seen in seen {
            seen.path = searcher.replace_all(&seen.path, &fingerprints);
            for body in [&mut seen.body, &mut seen.answer] {
                // The end of what was kept may be half a secret, and nobody judges half a body.
                if body.lost > 0 {
                    body.lost += std::mem::take(&mut body.bytes).len() as u64;
                }
                body.bytes = searcher.replace_all_bytes(&body.bytes, &fingerprints);
            }
            for (name, value) in seen.headers.iter_mut().chain(&mut seen.answer_headers) {
                *value = if is_secret(name) && value.len() < SHORTEST {
                    self.fingerprint(value)
                } else {
                    searcher.replace_all(value, &fingerprints)
                };
            }
        }
    }

    fn fingerprint(&self, secret: &str) -> String {
        // The outer hash keeps what is known of one secret from being prolonged to another.
        let inner = Sha256::new().chain_update(self.key).chain_update(secret).finalize();
        let outer = Sha256::new().chain_update(self.key).chain_update(inner).finalize();
        let hex: String = outer.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        format!("redacted-{hex}")
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn secrets(seen: &[Seen]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for seen in seen {
        for (name, value) in seen.headers.iter().chain(&seen.answer_headers).filter(|(name, _)| is_secret(name)) {
            // `Bearer` stays readable: it is the credential behind it that is looked for.
            let credential = value.split_once(' ').map(|(_, credential)| credential);
            let whole = name != "authorization" || credential.is_none_or(|credential| credential.len() < SHORTEST);
            found.extend(credential.map(str::to_owned));
            found.extend(whole.then(|| value.clone()));
        }
        for text in [&seen.body, &seen.answer] {
            let text = String::from_utf8_lossy(&text.bytes);
            for line in text.lines() {
                let json = line.strip_prefix("data:").unwrap_or(line);
                if let Ok(value) = serde_json::from_str(json.trim()) {
                    members(&value, &mut found);
                }
            }
        }
    }
    found.retain(|secret| secret.len() >= SHORTEST);
    found
}

fn members(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    // A progress token is a number of the client's, no secret.
                    Value::String(secret) if is_secret(name) && name != "progressToken" => {
                        found.insert(secret.clone());
                    }
                    other => members(other, found),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::seen::{Body, Side};

    fn seen() -> Vec<Seen> {
        let bearer = |token: &str, body: &str| Seen {
            headers: vec![("authorization".into(), format!("Bearer {token}")), ("accept".into(), "*/*".into())],
            answer: Body { bytes: body.as_bytes().to_vec(), lost: 0 },
            ..Seen::asked(Side::Client, "GET", "/mcp?key=alice-key-1")
        };
        vec![
            bearer("alice-key-1", "data: {\"password\":\"hunter22\"}\n\n"),
            bearer("alice-key-1", "you are alice-key-1, hunter22"),
            bearer("bob-key-1", "{}"),
        ]
    }

    #[test]
    fn no_secret_stays_and_equal_ones_stay_equal() {
        let mut seen = seen();
        Redactor::new().unwrap().redact(&mut seen);
        let answers: Vec<_> = seen.iter().map(|seen| seen.answer.text().unwrap()).collect();
        let stored = format!("{:?} {answers:?}", seen.iter().map(|s| (&s.path, &s.headers)).collect::<Vec<_>>());
        for secret in ["alice-key-1", "bob-key-1", "hunter22"] {
            assert!(!stored.contains(secret), "{secret} in {stored}");
        }
        assert_eq!(seen[0].headers, seen[1].headers);
        assert_ne!(seen[0].headers, seen[2].headers);
        assert_eq!(seen[0].headers[1].1, "*/*");
    }

    #[test]
    fn half_a_secret_is_not_stored() {
        let mut seen = seen();
        seen[2].answer = Body { bytes: b"you are alice-key".to_vec(), lost: 2 };
        Redactor::new().unwrap().redact(&mut seen);
        assert_eq!(seen[2].answer, Body { bytes: Vec::new(), lost: 19 });
    }

    #[test]
    fn another_recording_has_other_fingerprints() {
        let (mut one, mut other) = (seen(), seen());
        Redactor::new().unwrap().redact(&mut one);
        Redactor::new().unwrap().redact(&mut other);
        assert_ne!(one[0].headers, other[0].headers);
    }
}
