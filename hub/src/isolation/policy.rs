//! The levels and rules in force.

use super::{Level, Rule, table::Sheet};

/// Which scope each table has and which rules hold. In a shipped hub there is only [`Isolation::STRICT`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Isolation {
    #[cfg(feature = "defects")]
    pub(super) widened: Vec<(&'static str, Level)>,
    #[cfg(feature = "defects")]
    pub(super) broken: Vec<Rule>,
    #[cfg(feature = "defects")]
    pub(super) yields: Option<u64>,
}

#[cfg(not(feature = "defects"))]
impl Isolation {
    /// Every table as narrow as its page says, every rule kept.
    pub const STRICT: Self = Self {};

    pub(crate) fn level(&self, sheet: &Sheet) -> Level {
        sheet.level
    }

    pub(crate) fn keeps(&self, _rule: Rule) -> bool {
        true
    }

    pub(crate) fn is_strict(&self) -> bool {
        true
    }

    pub(super) fn yields(&self) -> Option<u64> {
        None
    }
}

#[cfg(feature = "defects")]
impl Isolation {
    /// Every table as narrow as its page says, every rule kept.
    pub const STRICT: Self = Self { widened: Vec::new(), broken: Vec::new(), yields: None };

    /// The same isolation, with every access to a table yielding to other tasks as the seed says.
    #[must_use]
    pub fn with_yields(self, seed: u64) -> Self {
        Self { yields: Some(seed), ..self }
    }

    pub(crate) fn level(&self, sheet: &Sheet) -> Level {
        let widened = self.widened.iter().find(|(name, _)| *name == sheet.name);
        widened.map_or(sheet.level, |(_, level)| *level)
    }

    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        !self.broken.contains(&rule)
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.widened.is_empty() && self.broken.is_empty()
    }

    pub(super) fn yields(&self) -> Option<u64> {
        self.yields
    }
}
