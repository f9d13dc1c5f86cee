//! Who sent a client's exchange: found before its secrets are hidden.
//!
//! The same person must have the same name in all exchanges of a recording, and two people two names. A
//! name is only as sure as what it is made of, and says so: what is merely a key may be one of several of a person.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    redact::{BEGINNING, Redactor, is_secret},
    seen::Seen,
};
use crate::trace::index::{credential, header};

/// Hexadecimal digits of a fingerprint in a name.
const DIGITS: usize = 8;
/// How the name of somebody begins of whom a key is known, and nothing else.
pub const KEY: &str = "key-";

/// How people are told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// By the credential in the header `authorization`.
    #[default]
    Authorization,
    /// By their session with the hub: each is somebody else.
    Session,
    /// By the value of this header, lower case.
    Header(String),
}

/// Names of people by what they show.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// How they are told apart.
    pub by: By,
    /// Known credentials, each with its owner's name.
    pub names: BTreeMap<String, String>,
}

impl People {
    /// Who sent this; `None` where it shows nothing of what they are told apart by.
    pub fn who(&self, seen: &Seen, redactor: &Redactor) -> Option<String> {
        match &self.by {
            By::Authorization => Some(self.of_credential(credential(&seen.headers)?, redactor)),
            By::Header(name) => {
                let value = header(&seen.headers, name)?;
                let secret = value.strip_prefix("Bearer ").unwrap_or(value);
                Some(if is_secret(name) { self.of_credential(secret, redactor) } else { value.to_owned() })
            }
            By::Session => {
                let given = header(&seen.answer_headers, "mcp-session-id");
                let session = given.or_else(|| header(&seen.headers, "mcp-session-id"))?;
                Some(short("session-", session, redactor))
            }
        }
    }

    fn of_credential(&self, credential: &str, redactor: &Redactor) -> String {
        if let Some(name) = self.names.get(credential) {
            return name.clone();
        }
        match subject(credential) {
            Some(subject) => short("user-", &subject, redactor),
            None => short(KEY, credential, redactor),
        }
    }
}

fn short(kind: &str, secret: &str, redactor: &Redactor) -> String {
    let fingerprint = redactor.fingerprint(secret);
    format!("{kind}{}", &fingerprint[BEGINNING.len()..BEGINNING.len() + DIGITS])
}

/// Issuer and subject of a JSON Web Token, which stay the same when it is renewed. Its signature is the hub's business.
fn subject(token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Some(format!("{}\n{}", claims.get("iss").unwrap_or(&Value::Null), claims.get("sub")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::seen::Side;

    fn with(name: &str, value: &str) -> Seen {
        Seen { headers: vec![(name.into(), value.into())], ..Seen::asked(Side::Client, "POST", "/mcp") }
    }

    fn token(claims: &str) -> String {
        format!("Bearer e30.{}.sig{}", URL_SAFE_NO_PAD.encode(claims), claims.len())
    }

    #[test]
    fn a_known_key_has_a_name_and_an_unknown_one_a_fingerprint() {
        let redactor = Redactor::new().unwrap();
        let names = BTreeMap::from([("alice-key-1".to_owned(), "alice".to_owned())]);
        let people = People { by: By::Authorization, names };
        let who = |value: &str| people.who(&with("authorization", value), &redactor);
        assert_eq!(who("Bearer alice-key-1").as_deref(), Some("alice"));
        assert_eq!(who("bearer  alice-key-1").as_deref(), Some("alice"));
        let unknown = who("Bearer bob-key-1").unwrap();
        assert!(unknown.starts_with(KEY) && unknown.len() == KEY.len() + DIGITS, "{unknown}");
        assert_ne!(who("Bearer bob-key-2"), Some(unknown));
        assert_eq!(people.who(&with("accept", "*/*"), &redactor), None);
    }

    #[test]
    fn a_renewed_token_is_the_same_person() {
        let (redactor, people) = (Redactor::new().unwrap(), People::default());
        let who = |value: &str| people.who(&with("authorization", value), &redactor).unwrap();
        let first = who(&token(r#"{"iss":"idp","sub":"alice","exp":1}"#));
        assert_eq!(first, who(&token(r#"{"iss":"idp","sub":"alice","exp":20}"#)));
        assert_ne!(first, who(&token(r#"{"iss":"idp","sub":"bob","exp":1}"#)));
        assert!(first.starts_with("user-"), "{first}");
    }

    #[test]
    fn a_header_is_a_name_unless_it_is_a_secret() {
        let redactor = Redactor::new().unwrap();
        let who = |name: &str, value: &str| {
            let people = People { by: By::Header(name.to_owned()), ..People::default() };
            people.who(&with(name, value), &redactor).unwrap()
        };
        assert_eq!(who("x-user", "alice"), "alice");
        assert!(who("x-api-key", "alice-key-1").starts_with(KEY));
    }

    #[test]
    fn the_session_that_was_given_counts() {
        let redactor = Redactor::new().unwrap();
        let people = People { by: By::Session, ..People::default() };
        let mut opened = Seen::asked(Side::Client, "POST", "/mcp");
        assert_eq!(people.who(&opened, &redactor), None);
        opened.answer_headers = vec![("mcp-session-id".into(), "one-session".into())];
        assert_eq!(people.who(&opened, &redactor), people.who(&with("mcp-session-id", "one-session"), &redactor));
    }
}
