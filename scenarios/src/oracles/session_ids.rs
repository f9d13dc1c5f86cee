//! Session ids cannot be guessed: long, visible ASCII, never repeated, no common pattern.
//!
//! The specification asks for ids that are globally unique and cryptographically secure. A trace
//! holds a handful of them, so what can be shown is the opposite: an id too short for its alphabet,
//! or two ids that agree in most places, as counters, timestamps and names do.

use super::{Finding, Kind, Oracle};
use crate::trace::{
    Index,
    facts::Shape,
    index::{Message, header},
};

/// Sixteen random bytes in base64 without padding, or a UUID without dashes and then some.
const SHORTEST: usize = 22;
/// Two random ids over sixteen symbols agree by chance in 6 of 100 places; a UUID fixes its dashes
/// and version as well. More than this share is a pattern.
const ALIKE_PERCENT: usize = 60;

/// Judges every session id that the target gave out.
pub fn judge(index: &Index<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut earlier: Vec<&str> = Vec::new();
    for message in index.messages.values() {
        let Some(answer) = &message.answer else { continue };
        let Some(id) = header(answer.headers, "mcp-session-id").filter(|id| message.session != Some(*id)) else {
            continue;
        };
        let hidden = index.facts.attached.as_ref().and_then(|attached| attached.shapes.get(id));
        if let Some((expected, received)) = flaw(id, &earlier, hidden) {
            let headline = format!("the session id given to {} can be guessed", message.actor);
            findings.push(finding(message, answer.at, headline).because(expected, received));
        }
        earlier.push(id);
    }
    findings
}

fn finding(message: &Message<'_>, at: usize, headline: String) -> Finding {
    Finding::new(Oracle::SessionIds, Kind::Leak, message.step, at, headline)
}

/// What is wrong with an id: what it should be, what it is. Of a `hidden` one only its shape is known.
fn flaw(id: &str, earlier: &[&str], hidden: Option<&Shape>) -> Option<(String, String)> {
    if !hidden.map_or_else(|| is_visible(id), |shape| shape.visible) {
        return Some(("visible ASCII only (0x21 to 0x7E)".into(), format!("{id:?}")));
    }
    let length = hidden.map_or(id.len(), |shape| shape.length);
    if length < SHORTEST {
        return Some((format!("at least {SHORTEST} characters"), format!("{length} characters: {id}")));
    }
    if earlier.contains(&id) {
        return Some(("an id of its own for every session".into(), format!("{id}, given out before")));
    }
    let expected = format!("two ids agree in at most {ALIKE_PERCENT} of 100 places");
    if let Some(shape) = hidden {
        let received = format!("{id} and an earlier one: {} of 100", shape.alike_percent);
        return (shape.alike_percent > ALIKE_PERCENT).then_some((expected, received));
    }
    let other = earlier.iter().find(|other| agreement(id, other) > ALIKE_PERCENT)?;
    Some((expected, format!("{id} after {other}: {} of 100", agreement(id, other))))
}

/// Whether an id is visible ASCII and nothing else.
pub(crate) fn is_visible(id: &str) -> bool {
    id.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

/// In how many of 100 places two ids have the same character.
pub(crate) fn agreement(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).filter(|(x, y)| x == y).count();
    same * 100 / a.len().max(b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_names_and_short_ids_are_flaws() {
        assert!(flaw("session-1", &[], None).is_some());
        assert!(flaw("alice-0000000000000000000001", &["alice-0000000000000000000002"], None).is_some());
        assert!(flaw("0123456789abcdef01234\u{e9}", &[], None).is_some());
        assert!(flaw("fedcba9876543210fedcba98", &["fedcba9876543210fedcba98"], None).is_some());
    }

    #[test]
    fn a_hidden_id_is_judged_by_its_shape() {
        let good = Shape { length: 43, visible: true, alike_percent: 14 };
        assert_eq!(flaw("redacted-1", &["redacted-2"], Some(&good)), None);
        assert!(flaw("redacted-1", &["redacted-1"], Some(&good)).is_some());
        for bad in [Shape { length: 8, ..good }, Shape { visible: false, ..good }, Shape { alike_percent: 90, ..good }]
        {
            assert!(flaw("redacted-1", &["redacted-2"], Some(&bad)).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn random_ids_are_none() {
        assert_eq!(flaw("8f14e45f-ceea-467f-9575-58e1b7c1a2d3", &["c9f0f895-fb98-4b91-8e2f-a1b2c3d4e5f6"], None), None);
        assert_eq!(flaw("Zk3qv0r5T1m8c2s7Yx4Wnw", &["a8Xh2LqQ9d0Fj5RtB7uKpA"], None), None);
    }
}
