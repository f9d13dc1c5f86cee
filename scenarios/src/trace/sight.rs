//! Finding marks in bytes, however a hub may have wrapped them.
//!
//! A mark is lower-case alphanumeric, so most encodings leave it alone; the rest are looked for
//! explicitly: hexadecimal in both cases, base64 in both alphabets and all three alignments, JSON
//! escapes and percent-encoding. Bodies are searched whole, so a mark cut by a chunk border is found.

use std::{borrow::Cow, collections::BTreeSet};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// A searcher for a fixed set of words.
#[derive(Debug)]
pub struct Sight {
    searcher: AhoCorasick,
    /// Pattern number to word number.
    words: Vec<usize>,
}

impl Sight {
    /// Prepares a search for `words`; results are given as indexes into this list.
    pub fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut patterns = Vec::new();
        let mut owners = Vec::new();
        for (number, word) in words.into_iter().enumerate() {
            for spelling in spellings(word) {
                patterns.push(spelling);
                owners.push(number);
            }
        }
        // A trace is short and read once: an automaton that is quick to build beats one that is quick to run.
        let searcher = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .build(&patterns)
            .expect("a few thousand short patterns fit any automaton");
        Self { searcher, words: owners }
    }

    /// The numbers of all words that occur in `text`, in any spelling.
    pub fn find(&self, text: &str) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        self.scan(text, &mut found);
        for view in [unescape_json(text), decode_percent(text)] {
            if let Cow::Owned(decoded) = view {
                self.scan(&decoded, &mut found);
            }
        }
        found
    }

    fn scan(&self, text: &str, found: &mut BTreeSet<usize>) {
        found.extend(self.searcher.find_overlapping_iter(text).map(|hit| self.words[hit.pattern().as_usize()]));
    }
}

/// A word plain, in hexadecimal and in base64 at every alignment.
pub(crate) fn spellings(word: &str) -> BTreeSet<String> {
    let bytes = word.as_bytes();
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let mut all = BTreeSet::from([word.to_owned(), hex.to_uppercase(), hex]);
    for shift in 0..3 {
        all.insert(base64_core(&STANDARD_NO_PAD, bytes, shift));
        all.insert(base64_core(&URL_SAFE_NO_PAD, bytes, shift));
    }
    all
}

/// The base64 characters that depend on `bytes` alone when `shift` other bytes stand before them.
fn base64_core(engine: &impl Engine, bytes: &[u8], shift: usize) -> String {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(bytes);
    let encoded = engine.encode(&padded);
    let first = (shift * 8).div_ceil(6);
    let last = (shift + bytes.len()) * 8 / 6;
    encoded[first..last].to_owned()
}

/// Resolves `\uXXXX` escapes; borrowed where there is none.
fn unescape_json(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        out.push_str(&rest[..at]);
        let decoded =
            rest.get(at + 2..at + 6).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        match decoded {
            Some(c) => {
                out.push(c);
                rest = &rest[at + 6..];
            }
            None => {
                out.push_str("\\u");
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Resolves `%XX`; borrowed where there is none.
fn decode_percent(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let decoded = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match decoded {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sees(text: &str) -> bool {
        Sight::new(["xt0123456789abcdef"]).find(text).contains(&0)
    }

    #[test]
    fn every_spelling_is_seen() {
        let mark = "xt0123456789abcdef";
        assert!(sees(&format!("project {mark}, and more")));
        assert!(sees(&mark.chars().map(|c| format!("\\u{:04x}", c as u32)).collect::<String>()));
        assert!(sees(&mark.bytes().map(|b| format!("%{b:02X}")).collect::<String>()));
        assert!(sees(&mark.bytes().map(|b| format!("{b:02x}")).collect::<String>()));
        assert!(sees(&mark.bytes().map(|b| format!("{b:02X}")).collect::<String>()));
    }

    #[test]
    fn another_mark_is_not_seen() {
        assert!(!sees("xt0123456789abcdeg"));
        assert!(!sees("xt0123456789abcde"));
    }

    proptest! {
        #[test]
        fn base64_is_seen_at_any_alignment(before in "[ -~]{0,7}", after in "[ -~]{0,7}") {
            let text = format!("{before}xt0123456789abcdef{after}");
            prop_assert!(sees(&STANDARD_NO_PAD.encode(&text)));
            prop_assert!(sees(&URL_SAFE_NO_PAD.encode(&text)));
        }

        #[test]
        fn any_text_can_be_searched(text in "\\PC{0,64}(%|\\\\u)?\\PC{0,64}") {
            Sight::new(["xt0123456789abcdef"]).find(&text);
        }
    }
}
