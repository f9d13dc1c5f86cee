//! Where a merged list goes on: the servers' own cursors, sealed, so that nobody else can use or read them.

use std::{collections::BTreeMap, io, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::environment::Random;

/// The servers that have more to show, each with its own cursor.
pub(crate) type Places = BTreeMap<Arc<str>, String>;

/// Seals and opens cursors with a key of this process.
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

    /// A cursor that only `holder` can present: who they are, on which route, for which list.
    pub(crate) fn seal(&self, random: &dyn Random, holder: &str, places: &Places) -> io::Result<String> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce)?;
        let mut sealed = serde_json::to_vec(places)?;
        let sealing = self.key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(holder.as_bytes()),
            &mut sealed,
        );
        sealing.map_err(|_| io::Error::other("a cursor that is too long to be sealed"))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What is in a cursor; `None` for one of somebody else's, of another list, and for one that never was.
    pub(crate) fn open(&self, holder: &str, cursor: &str) -> Option<Places> {
        let mut bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::from(holder.as_bytes()), sealed).ok()?;
        serde_json::from_slice(opened).ok()
    }
}

#[cfg(test)]
mod tests {
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
    fn only_its_holder_opens_a_cursor() {
        let sealer = Sealer::new(&Fixed).unwrap();
        let places = Places::from([("db".into(), "page-2".to_owned())]);
        let cursor = sealer.seal(&Fixed, "alice", &places).unwrap();
        assert_eq!(sealer.open("alice", &cursor), Some(places));
        for (holder, cursor) in [("bob", cursor.as_str()), ("alice", &cursor[1..]), ("alice", ""), ("alice", "page-2")]
        {
            assert_eq!(sealer.open(holder, cursor), None, "{holder} {cursor}");
        }
    }
}
