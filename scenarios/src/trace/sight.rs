//! Finding marks in bytes, however a hub may have wrapped them.
//!
//! A mark is lower-case alphanumeric, so most encodings leave it alone; the rest are looked for
//! explicitly: hexadecimal in both cases, base64 in both alphabets and all three alignments, JSON
//! escapes and percent-encoding. Bodies are searched whole, so a mark cut by a chunk border is found.

use std::{borrow::Cow, collections::BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

/// Bytes by which a spelling is looked up: few texts that hold these do not hold the rest.
const HEAD: usize = 8;
/// The end of a list of spellings.
const NONE: u32 = u32::MAX;

/// A searcher for a fixed set of words.
///
/// A trace is short and read once, so what it costs to build counts as much as what it costs to run: this is a table of the
/// first bytes of every spelling, in which those at every place of a text are looked up.
#[derive(Debug)]
pub struct Sight {
    /// The letters of all spellings, one behind the other.
    letters: Vec<u8>,
    spellings: Vec<Spelling>,
    /// By the upper bits of its hash, the first spelling of a list of those with such a head.
    lists: Vec<u32>,
    /// How far a hash is shifted to become a number of a list.
    shift: u32,
    /// Those too short to have a head: looked for one by one.
    short: Vec<(String, usize)>,
}

/// One spelling of one word.
#[derive(Debug)]
struct Spelling {
    head: u64,
    /// Where the rest of its letters begins and ends.
    rest: (usize, usize),
    /// The number of its word.
    word: usize,
    /// The next one of the same list.
    next: u32,
}

impl Sight {
    /// Prepares a search for `words`; results are given as indexes into this list.
    pub fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut sight =
            Self { letters: Vec::new(), spellings: Vec::new(), lists: Vec::new(), shift: 0, short: Vec::new() };
        for (number, word) in words.into_iter().enumerate() {
            spell(word, |spelling| sight.take(spelling, number));
        }
        sight.link();
        sight
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

    fn take(&mut self, spelling: &str, word: usize) {
        let Some((head, rest)) = spelling.as_bytes().split_first_chunk::<HEAD>() else {
            self.short.push((spelling.to_owned(), word));
            return;
        };
        let begin = self.letters.len();
        self.letters.extend_from_slice(rest);
        let rest = (begin, self.letters.len());
        self.spellings.push(Spelling { head: u64::from_be_bytes(*head), rest, word, next: NONE });
    }

    /// Makes the lists, so many that most are empty.
    fn link(&mut self) {
        let lists = (self.spellings.len() * 4).next_power_of_two().max(2);
        self.shift = u64::BITS - lists.ilog2();
        self.lists = vec![NONE; lists];
        for number in 0..self.spellings.len() {
            let list = self.list_of(self.spellings[number].head);
            self.spellings[number].next = self.lists[list];
            self.lists[list] = u32::try_from(number).expect("a few thousand spellings");
        }
    }

    fn list_of(&self, head: u64) -> usize {
        // Fibonacci hashing: the upper bits of the product depend on all bytes of the head.
        (head.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    fn scan(&self, text: &str, found: &mut BTreeSet<usize>) {
        found.extend(self.short.iter().filter(|(spelling, _)| text.contains(spelling)).map(|(_, word)| *word));
        if self.spellings.is_empty() {
            return;
        }
        let text = text.as_bytes();
        let mut head = 0;
        for (at, byte) in text.iter().enumerate() {
            // The last eight bytes.
            head = head << 8 | u64::from(*byte);
            let mut number = self.lists[self.list_of(head)];
            while let Some(spelling) = self.spellings.get(number as usize) {
                let rest = &self.letters[spelling.rest.0..spelling.rest.1];
                if spelling.head == head && at + 1 >= HEAD && text[at + 1..].starts_with(rest) {
                    found.insert(spelling.word);
                }
                number = spelling.next;
            }
        }
    }
}

/// A word plain, in hexadecimal and in base64 at every alignment.
pub(crate) fn spellings(word: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    spell(word, |spelling| {
        all.insert(spelling.to_owned());
    });
    all
}

/// Gives every spelling of a word to `take`; one that is empty, and would be found everywhere, is none.
fn spell(word: &str, mut take: impl FnMut(&str)) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if word.is_empty() {
        return;
    }
    take(word);
    let mut buffer = String::with_capacity(2 * word.len());
    for byte in word.bytes() {
        buffer.push(char::from(DIGITS[usize::from(byte >> 4)]));
        buffer.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    take(&buffer);
    buffer.make_ascii_uppercase();
    take(&buffer);
    // One, two or no other bytes stand before the word in a group of three.
    let mut padded = vec![0; 2];
    padded.extend_from_slice(word.as_bytes());
    for shift in 0..3 {
        buffer.clear();
        STANDARD_NO_PAD.encode_string(&padded[2 - shift..], &mut buffer);
        // Only the characters that depend on the word alone: of a single byte there may be none.
        let core = &buffer[(shift * 8).div_ceil(6)..(shift + word.len()) * 8 / 6];
        if !core.is_empty() {
            take(core);
        }
        if core.contains(['+', '/']) {
            take(&core.replace('+', "-").replace('/', "_"));
        }
    }
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
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

    /// Looks for every spelling in every view, one by one.
    fn naive(words: &[String], text: &str) -> BTreeSet<usize> {
        let views = [text, &*unescape_json(text), &*decode_percent(text)].map(str::to_owned);
        let spelled = |word: &str, view: &str| spellings(word).iter().any(|spelling| view.contains(spelling));
        let seen = |word: &str| views.iter().any(|view| spelled(word, view));
        (0..words.len()).filter(|number| seen(&words[*number])).collect()
    }

    /// Words of every length and kind: marks that differ late, secrets that begin alike, and very short ones.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof!["xt[a-c0-1]{1,16}", "key-alice-[ab]{0,4}", "[a-c~?>]{0,9}", "\\PC{0,12}"]
    }

    /// A word as somebody may have written it, at any alignment.
    fn written() -> impl Strategy<Value = (String, usize, String)> {
        ("[ -~]{0,3}", 0_usize..8, "[ -~]{0,3}")
    }

    fn in_this_way(way: usize, text: &str) -> String {
        match way {
            0 => text.to_owned(),
            1 => text.bytes().map(|b| format!("{b:02x}")).collect(),
            2 => text.bytes().map(|b| format!("{b:02X}")).collect(),
            3 => STANDARD_NO_PAD.encode(text),
            4 => URL_SAFE_NO_PAD.encode(text),
            5 => text.bytes().map(|b| format!("%{b:02X}")).collect(),
            6 => text.chars().map(|c| format!("\\u{:04x}", c as u32)).collect(),
            _ => text.chars().skip(1).collect(),
        }
    }

    #[test]
    fn what_is_empty_is_seen_nowhere() {
        assert!(Sight::new([""]).find("").is_empty());
        assert!(Sight::new(["", "a"]).find("some text").is_empty());
    }

    proptest! {
        #[test]
        fn base64_is_seen_at_any_alignment(before in "[ -~]{0,7}", after in "[ -~]{0,7}") {
            let text = format!("{before}xt0123456789abcdef{after}");
            prop_assert!(sees(&STANDARD_NO_PAD.encode(&text)));
            prop_assert!(sees(&URL_SAFE_NO_PAD.encode(&text)));
        }

        #[test]
        fn what_is_seen_is_what_a_naive_search_sees(
            words in prop::collection::vec(word(), 0..6),
            pieces in prop::collection::vec((any::<prop::sample::Index>(), written()), 0..6),
        ) {
            let mut text = String::new();
            for (which, (before, way, after)) in pieces {
                let word = if words.is_empty() { "" } else { which.get(&words).as_str() };
                text.push_str(&in_this_way(way, &format!("{before}{word}{after}")));
            }
            let found = Sight::new(words.iter().map(String::as_str)).find(&text);
            prop_assert_eq!(found, naive(&words, &text), "{:?} in {:?}", words, text);
        }

        #[test]
        fn every_spelling_is_the_one_of_the_books(word in word()) {
            prop_assume!(!word.is_empty());
            let mut by_the_books = BTreeSet::from([word.clone(), in_this_way(1, &word), in_this_way(2, &word)]);
            for shift in 0..3 {
                let (first, last) = ((shift * 8_usize).div_ceil(6), (shift + word.len()) * 8 / 6);
                for way in [3, 4] {
                    let encoded = in_this_way(way, &format!("{}{word}", &"  "[..shift]));
                    by_the_books.insert(encoded[first..last].to_owned());
                }
            }
            by_the_books.remove("");
            prop_assert_eq!(spellings(&word), by_the_books);
        }

        #[test]
        fn any_text_can_be_searched(text in "\\PC{0,64}(%|\\\\u)?\\PC{0,64}") {
            Sight::new(["xt0123456789abcdef"]).find(&text);
        }
    }
}
