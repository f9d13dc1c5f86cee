//! Values of mirrored headers: plain, or in base64 where a header cannot carry them.

use base64::{Engine, prelude::BASE64_STANDARD};

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// What a header value stands for; `None` where it begins and ends as base64 and is none.
pub fn decoded(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) else {
        return Some(value.to_owned());
    };
    String::from_utf8(BASE64_STANDARD.decode(inner).ok()?).ok()
}

/// A value as a header carries it.
pub fn encoded(value: &str) -> String {
    let plain = value.chars().all(|character| matches!(character, ' '..='~'));
    let padded = value.trim_matches([' ', '\t']) != value;
    if plain && !padded && !(value.starts_with(PREFIX) && value.ends_with(SUFFIX)) {
        return value.to_owned();
    }
    format!("{PREFIX}{}{SUFFIX}", BASE64_STANDARD.encode(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_only_looks_like_base64_stands_for_itself() {
        assert_eq!(decoded("SGVsbG8=").as_deref(), Some("SGVsbG8="));
        assert_eq!(decoded("=?base64?SGVsbG8=").as_deref(), Some("=?base64?SGVsbG8="));
        assert_eq!(decoded("=?base64?SGVsbG8=?=").as_deref(), Some("Hello"));
        for broken in ["=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?="] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "\\PC{0,20}|=\\?base64\\?.{0,5}\\?=|[ \t\r\n]{1,4}") {
            let header = encoded(&text);
            prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", header);
            prop_assert_eq!(decoded(&header), Some(text));
        }
    }
}
