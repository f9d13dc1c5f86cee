//! What an observation is told before it begins: where hub and upstreams are, who is who, and what is promised.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{
    person::People,
    recording::{Head, VERSION},
    redact::Redactor,
    seen::Side,
};
use crate::{scenario::model::CredentialMode, trace::facts::Sharing};

/// An observation. Secrets are in it, so it is neither printed nor stored.
#[derive(Clone)]
pub struct Plan {
    /// The hub.
    pub hub: Place,
    /// The upstreams before which a tap stands, by name.
    pub upstreams: IndexMap<String, Place>,
    /// How people are told apart, and the names of those who are known.
    pub people: People,
    /// Credentials that the hub shows upstreams, where they are known: user, upstream, secret.
    pub tokens: BTreeMap<String, BTreeMap<String, String>>,
    /// The same for the hub's own, by upstream.
    pub service_tokens: BTreeMap<String, String>,
    /// What the hub promises to keep apart.
    pub sharing: Sharing,
    /// Whose credential it promises to use upstream.
    pub credentials: CredentialMode,
}

/// A server, and the tap before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `host:port`.
    pub authority: String,
    /// The path of the URL that was given, which a tap's own URL gets too; empty or from the slash.
    pub path: String,
    /// The port of its tap on 127.0.0.1; 0 is a free one.
    pub port: u16,
}

impl Place {
    /// As it was given.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }
}

impl Plan {
    /// Every place with the side on which its tap stands, the hub first.
    pub fn places(&self) -> impl Iterator<Item = (Side, &Place)> {
        let upstreams = self.upstreams.iter().map(|(name, place)| (Side::Upstream(name.clone()), place));
        [(Side::Client, &self.hub)].into_iter().chain(upstreams)
    }

    /// A redactor that knows every secret of this plan.
    ///
    /// # Errors
    /// What the system's source of randomness says.
    pub fn redactor(&self) -> Result<Redactor, rand::rngs::SysError> {
        let mut redactor = Redactor::new()?;
        let upstream = self.tokens.values().flat_map(BTreeMap::values).chain(self.service_tokens.values());
        for secret in self.people.names.keys().chain(upstream) {
            redactor.know(secret);
        }
        Ok(redactor)
    }

    /// The first line of its recording.
    pub fn head(&self, redactor: &Redactor) -> Head {
        let hidden = |(name, secret): (&String, &String)| (name.clone(), redactor.fingerprint(secret));
        Head {
            version: VERSION,
            hub: self.hub.url(),
            upstreams: self.upstreams.iter().map(|(name, place)| (name.clone(), place.url())).collect(),
            by: self.people.by.clone(),
            sharing: self.sharing,
            credentials: self.credentials,
            tokens: self
                .tokens
                .iter()
                .map(|(user, tokens)| (user.clone(), tokens.iter().map(hidden).collect()))
                .collect(),
            service_tokens: self.service_tokens.iter().map(hidden).collect(),
        }
    }
}
