//! Texts of two runs, or of a run and a file, made comparable: marks are fresh in every run.

use std::borrow::Cow;

use crate::trace::facts::Canary;

/// How a mark begins, how long it is, and what stands for one.
const BEGINNING: &str = "xt";
const LENGTH: usize = 18;
const PLACEHOLDER: &str = "<mark>";

/// A text with `<mark>` for every mark that is no canary of the file.
pub fn plain<'t>(text: &'t str, canaries: &[Canary]) -> Cow<'t, str> {
    if !text.contains(BEGINNING) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(BEGINNING) {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let is_mark = |mark: &&str| mark.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        let (shown, read) = match from.get(..LENGTH).filter(is_mark) {
            Some(mark) if canaries.iter().any(|canary| canary.mark == mark) => (mark, LENGTH),
            Some(_) => (PLACEHOLDER, LENGTH),
            None => (BEGINNING, BEGINNING.len()),
        };
        out.push_str(shown);
        rest = &from[read..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The same without the last line, where that is the mark of the call, in brackets or alone.
pub fn without_last_line(text: &str, canaries: &[Canary]) -> String {
    let plain = plain(text, canaries);
    match plain.rsplit_once('\n') {
        Some((whole, "[<mark>]" | "<mark>")) => whole.to_owned(),
        _ => plain.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::Actor;

    #[test]
    fn canaries_stay_and_every_other_mark_is_a_mark() {
        let actor = Actor { user: "alice".into(), client: Actor::MAIN.into() };
        let canaries = [Canary { actor, series: String::new(), mark: "xtcanary0000000000".into() }];
        let text = "a xtcanary0000000000, xt0123456789abcdef and xtra";
        assert_eq!(plain(text, &canaries), "a xtcanary0000000000, <mark> and xtra");
        assert_eq!(without_last_line("own\n[xt0123456789abcdef]", &canaries), "own");
        assert_eq!(without_last_line("[xt0123456789abcdef]", &canaries), "[<mark>]");
        assert_eq!(without_last_line("two\nlines", &canaries), "two\nlines");
    }
}
