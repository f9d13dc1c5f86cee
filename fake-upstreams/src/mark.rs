//! Marks: words that are put into everything that is delivered, so that a trace shows whose it was.
//!
//! A mark is `xt` and sixteen characters of `[0-9a-z]`: it survives names, URIs, headers and SQL, and
//! none is ever part of another. The last five characters are a serial number.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const RANDOM: usize = 11;
const SERIAL: u32 = 5;

/// Mints marks; two mints with different domains never share one in practice.
#[derive(Debug, Clone)]
pub struct Mint {
    rng: ChaCha8Rng,
    serial: u64,
}

impl Mint {
    /// A mint whose marks follow from `seed` and `domain` alone.
    pub fn new(seed: u64, domain: &str) -> Self {
        Self { rng: seeded(seed, domain), serial: 0 }
    }

    /// The next mark.
    pub fn next_mark(&mut self) -> String {
        self.serial += 1;
        let mut mark = String::from("xt");
        mark.extend((0..RANDOM).map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())])));
        for place in (0..SERIAL).rev() {
            let digit = self.serial / 36_u64.pow(place) % 36;
            mark.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or_default()]));
        }
        mark
    }
}

/// A random source that follows from `seed` and `domain` alone.
pub fn seeded(seed: u64, domain: &str) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(domain);
    ChaCha8Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mint_repeats_itself_and_nobody_else() {
        let marks = |seed, domain| {
            let mut mint = Mint::new(seed, domain);
            [mint.next_mark(), mint.next_mark()]
        };
        assert_eq!(marks(1, "a"), marks(1, "a"));
        assert_ne!(marks(1, "a"), marks(2, "a"));
        assert_ne!(marks(1, "a"), marks(1, "b"));
        let [first, second] = marks(1, "a");
        assert_eq!(first.len(), 18);
        assert_ne!(first, second);
    }
}
