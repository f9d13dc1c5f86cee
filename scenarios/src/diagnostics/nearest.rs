//! The word that was probably meant.

/// Words less alike than this have nothing to do with each other.
const ALIKE: f64 = 0.6;

/// The known word most like `word`, if any is.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let scored = known.into_iter().map(|candidate| (candidate, strsim::jaro_winkler(candidate, word)));
    let best = scored.max_by(|(_, a), (_, b)| a.total_cmp(b));
    best.filter(|(_, score)| *score >= ALIKE).map(|(candidate, _)| candidate)
}
