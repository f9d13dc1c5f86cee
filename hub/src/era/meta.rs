//! What a stateless request says of itself in `_meta`: read, taken out for an upstream of the stateful era, put in for
//! one of the stateless era. Every other byte of a message stays as it is.

use super::Level;
use crate::envelope::{Message, Object, with_members};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const INFO: &str = "io.modelcontextprotocol/clientInfo";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Which listen a notification belongs to.
pub(crate) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// Who answers.
pub(crate) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// What a request says of itself.
const OF_REQUESTS: [&str; 4] = [VERSION, CAPABILITIES, INFO, LOG_LEVEL];

/// What a request says of itself, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The capabilities that its client declares for it: a JSON object.
    pub(crate) capabilities: String,
    /// Who its client says to be; nothing is decided by it.
    pub(crate) info: Option<String>,
    /// From which level on it wants to be told log messages.
    pub(crate) log_level: Option<Level>,
}

/// What is wrong with the `_meta` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`_meta` must be an object, with `{key}` in it")]
pub(crate) struct Incomplete {
    key: &'static str,
}

impl Meta {
    /// Reads it.
    pub(crate) fn of(message: &Message<'_>) -> Result<Self, Incomplete> {
        let incomplete = |key| Incomplete { key };
        message.string_meta(VERSION).ok_or(incomplete(VERSION))?;
        let capabilities = message.meta(CAPABILITIES).filter(|raw| Object::read(raw).is_ok());
        Ok(Self {
            capabilities: capabilities.ok_or(incomplete(CAPABILITIES))?.to_owned(),
            info: message.meta(INFO).map(str::to_owned),
            log_level: message.string_meta(LOG_LEVEL).and_then(|level| Level::read(&level)),
        })
    }

    /// As a `_meta` that says nothing else.
    pub(crate) fn written(&self) -> String {
        format!("{{{}}}", self.members())
    }

    /// The members that say it, as they stand in a `_meta`.
    fn members(&self) -> String {
        let mut members = format!(r#""{VERSION}":"{}","{CAPABILITIES}":{}"#, super::STATELESS, self.capabilities);
        if let Some(info) = &self.info {
            members.push_str(&format!(r#","{INFO}":{info}"#));
        }
        if let Some(level) = self.log_level {
            members.push_str(&format!(r#","{LOG_LEVEL}":"{}""#, level.name()));
        }
        members
    }
}

/// Whether a message has the revision in its `_meta`, and if so which: the mark of the stateless era. What is no string
/// is told as it is written.
pub(crate) fn revision(message: &Message<'_>) -> Option<String> {
    let raw = message.meta(VERSION)?;
    Some(serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()))
}

/// A request without anything that only the stateless era knows.
pub(crate) fn taken_out(message: &Message<'_>) -> String {
    let Some(raw) = message.param("_meta") else { return message.whole() };
    match Object::read(raw) {
        Ok(meta) if meta.keys().any(|key| OF_REQUESTS.contains(&key)) => {
            message.with_part(raw, &meta.without(&OF_REQUESTS))
        }
        _ => message.whole(),
    }
}

/// A request that says this of itself, and nothing that it may have said before.
pub(crate) fn put_in(message: &Message<'_>, says: &Meta) -> String {
    let own = says.members();
    match message.param("_meta").and_then(|raw| Some((raw, Object::read(raw).ok()?))) {
        Some((raw, meta)) => message.with_part(raw, &with_members(&meta.without(&OF_REQUESTS), &own)),
        None => message.with_param("_meta", &format!("{{{own}}}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAYS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{ "x":1.0,"_meta":{"a":[ ],"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/logLevel":"info"}}}"#;

    fn read(text: &str) -> Message<'_> {
        Message::read(text).unwrap()
    }

    #[test]
    fn what_is_taken_out_and_put_in_again_says_the_same() {
        let says = Meta::of(&read(SAYS)).unwrap();
        assert_eq!((says.capabilities.as_str(), says.log_level), (r#"{"roots":{}}"#, Level::read("info")));
        let bare = taken_out(&read(SAYS));
        assert_eq!(bare, r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{ "x":1.0,"_meta":{"a":[ ]}}}"#);
        assert_eq!(revision(&read(&bare)), None);
        let again = put_in(&read(&bare), &says);
        assert_eq!(Meta::of(&read(&again)).unwrap(), says);
        assert!(again.contains(r#","a":[ ]}"#) && again.contains(r#"{ "x":1.0,"#), "{again}");
    }

    #[test]
    fn what_somebody_said_before_is_replaced() {
        let own = Meta { capabilities: "{}".into(), info: None, log_level: None };
        let put = put_in(&read(SAYS), &own);
        assert_eq!(Meta::of(&read(&put)).unwrap(), own);
        for without in
            [r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#, r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{}}"#]
        {
            assert_eq!(Meta::of(&read(&put_in(&read(without), &own))).unwrap(), own, "{without}");
        }
    }

    #[test]
    fn revision_and_capabilities_are_required() {
        for (lacking, key) in [
            (SAYS.replace("protocolVersion", "other"), VERSION),
            (SAYS.replace("clientCapabilities", "other"), CAPABILITIES),
            (SAYS.replace(r#"{"roots":{}}"#, "[]"), CAPABILITIES),
            (SAYS.replace("_meta", "meta"), VERSION),
        ] {
            assert_eq!(Meta::of(&read(&lacking)), Err(Incomplete { key }), "{lacking}");
        }
    }
}
