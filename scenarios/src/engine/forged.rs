//! Secrets that nobody was ever given, and secrets that are not whole any more: session ids, handles, request states.

use rand::{Rng, RngExt};

/// Another of the same shape: each digit another digit, each letter another letter of its case, everything else where
/// it was.
pub fn unknown(model: &str, rng: &mut impl Rng) -> String {
    let hexadecimal = model.chars().filter(char::is_ascii_alphabetic).all(|c| matches!(c, 'a'..='f'));
    let last_letter = if hexadecimal { b'f' } else { b'z' };
    model.chars().map(|c| another(c, last_letter, rng)).collect()
}

/// Another URI of the same scheme and shape.
pub fn unknown_uri(model: &str, rng: &mut impl Rng) -> String {
    match model.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", unknown(rest, rng)),
        None => unknown(model, rng),
    }
}

/// The same with the character in its middle changed.
pub fn tampered(whole: &str, rng: &mut impl Rng) -> String {
    let middle = whole.chars().count() / 2;
    let changed = whole.chars().enumerate().map(|(place, c)| {
        if place != middle {
            return c;
        }
        let other = another(c, b'z', rng);
        if other != c {
            other
        } else if c == 'a' {
            'b'
        } else {
            'a'
        }
    });
    changed.collect()
}

/// The same without its last third.
pub fn cut(whole: &str) -> String {
    whole.chars().take(whole.chars().count() * 2 / 3).collect()
}

fn another(c: char, last_letter: u8, rng: &mut impl Rng) -> char {
    match c {
        '0'..='9' => char::from(rng.random_range(b'0'..=b'9')),
        'a'..='z' => char::from(rng.random_range(b'a'..=last_letter)),
        'A'..='Z' => char::from(rng.random_range(b'A'..=b'Z')),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use fake_upstreams::mark::seeded;

    use super::*;

    #[test]
    fn what_is_forged_is_never_the_same() {
        let mut rng = seeded(1, "forged");
        for whole in ["a", "ctx-0123456789", "eyJhIjoxfQ==", "-----"] {
            assert_ne!(tampered(whole, &mut rng), whole);
            assert_eq!(unknown(whole, &mut rng).len(), whole.len());
        }
        assert_eq!(cut("abcdef"), "abcd");
        let uri = unknown_uri("note://xt0123456789", &mut rng);
        assert!(uri.starts_with("note://") && uri != "note://xt0123456789");
    }
}
