//! What the hub gives a client to keep and to show again: sealed, so that nobody can read or change it, and it opens
//! only for what it was made for.

use std::io;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Serialize, de::DeserializeOwned};

use crate::environment::Random;

/// Seals and opens with a key of this process.
#[derive(Debug)]
pub(crate) struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// A sealer with a fresh key.
    pub(crate) fn new(random: &dyn Random) -> io::Result<Self> {
        let mut key = [0; 32];
        random.fill(&mut key)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(|_| io::Error::other("not a key"))?;
        Ok(Self { key: LessSafeKey::new(key) })
    }

    /// A text that opens only where `purpose` is the same: who may show it, on which route, for what.
    pub(crate) fn seal(&self, random: &dyn Random, purpose: &str, what: &impl Serialize) -> io::Result<String> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce)?;
        let mut sealed = serde_json::to_vec(what)?;
        let sealing = self.key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose.as_bytes()),
            &mut sealed,
        );
        sealing.map_err(|_| io::Error::other("too long to be sealed"))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What was sealed; `None` for another purpose, and for a text that never was sealed here.
    pub(crate) fn open<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Option<T> {
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::from(purpose.as_bytes()), sealed).ok()?;
        serde_json::from_slice(opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug)]
    struct Fixed;

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
            bytes.fill(7);
            Ok(())
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_and_unchanged() {
        let sealer = Sealer::new(&Fixed).unwrap();
        let places = BTreeMap::from([("db".to_owned(), "page-2".to_owned())]);
        let sealed = sealer.seal(&Fixed, "alice", &places).unwrap();
        assert_eq!(sealer.open("alice", &sealed), Some(places));
        for (purpose, sealed) in [("bob", sealed.as_str()), ("alice", &sealed[1..]), ("alice", ""), ("alice", "page-2")]
        {
            assert_eq!(sealer.open::<BTreeMap<String, String>>(purpose, sealed), None, "{purpose} {sealed}");
        }
    }
}
