//! `$canary` forms: `$canary` is the acting user's mark, `$canary(bob)` another's, `$canary#2` a second one.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

use super::model::Actor;

/// What stands in an expectation for the name that a server has for the account of whoever acts.
pub const ACCOUNT: &str = "$account";

/// Replaces every form in `text`. `lookup` gives the mark of an actor and a series (empty for the
/// first); a form without a mark is left as it stands.
pub fn expand(text: &str, acting: &Actor, lookup: impl Fn(&Actor, &str) -> Option<String>) -> String {
    if !text.contains('$') {
        return text.to_owned();
    }
    let expanded = FORM.replace_all(text, |found: &Captures<'_>| {
        let named = found.get(1).map(|name| actor(name.as_str()));
        let series = found.get(2).map_or("", |series| series.as_str());
        let mark = lookup(named.as_ref().unwrap_or(acting), series);
        mark.unwrap_or_else(|| found[0].to_owned())
    });
    expanded.into_owned()
}

/// Every form of a text: whose it is, where it names somebody, and its series.
pub fn forms(text: &str) -> Vec<(Option<Actor>, String)> {
    let mut forms = Vec::new();
    let mut from = 0;
    // A whole file is searched here: to find where a form may begin needs no pattern.
    while let Some(next) = text[from..].find("$canary")
        && let Some(found) = FORM.captures_at(text, from + next)
    {
        let series = found.get(2).map_or("", |series| series.as_str());
        forms.push((found.get(1).map(|name| actor(name.as_str())), series.to_owned()));
        from = found.get(0).map_or(text.len(), |whole| whole.end());
    }
    forms
}

/// Replaces every `$kept(label)`: what was handed out and kept under a label. One that was never kept stays as it is.
pub fn hand_in(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    if !text.contains("$kept") {
        return text.to_owned();
    }
    KEPT.replace_all(text, |found: &Captures<'_>| lookup(&found[1]).unwrap_or_else(|| found[0].to_owned())).into_owned()
}

/// The labels of every `$kept(label)` in a text.
pub fn handed_in(text: &str) -> Vec<String> {
    KEPT.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// `alice` or `alice.phone`.
pub fn actor(text: &str) -> Actor {
    let (user, client) = text.split_once('.').unwrap_or((text, Actor::MAIN));
    Actor { user: user.to_owned(), client: client.to_owned() }
}

static FORM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$canary\b(?:\(([^)]*)\))?(?:#([0-9A-Za-z_-]+))?").expect("a constant pattern"));

static KEPT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$kept\(([^)]*)\)").expect("a constant pattern"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_handed_in() {
        let lookup = |label: &str| (label == "a").then(|| "ctx-1".to_owned());
        assert_eq!(hand_in("$kept(a) and $kept(b)", lookup), "ctx-1 and $kept(b)");
        assert_eq!(handed_in("$kept(a) and $kept(b)"), ["a", "b"]);
    }

    #[test]
    fn every_form_of_a_text_is_found() {
        let text = "$canaries and $canary, $canary$canary(bob)#2 and $canar, $canary(carol.phone), $canary#x_";
        let found = forms(text).into_iter().map(|(whose, series)| (whose.map(|actor| actor.to_string()), series));
        let said = |whose: Option<&str>, series: &str| (whose.map(str::to_owned), series.to_owned());
        let wanted =
            [said(None, ""), said(None, ""), said(Some("bob"), "2"), said(Some("carol.phone"), ""), said(None, "x_")];
        assert!(found.eq(wanted));
    }

    #[test]
    fn forms_are_replaced_by_the_marks_of_whom_they_name() {
        let lookup = |who: &Actor, series: &str| Some(format!("<{who}{series}>"));
        let text = "$canary, $canary#2, $canary(bob.phone)#x and $canaries";
        assert_eq!(expand(text, &actor("alice"), lookup), "<alice>, <alice2>, <bob.phonex> and $canaries");
    }
}
