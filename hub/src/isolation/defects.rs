//! Deliberate holes: one table wider than its page, or one rule switched off.
//!
//! The suite runs against every one of them to show that each of its checks can fail. They compile
//! only with the feature `defects`, which a shipped hub does not have.

use super::Level;

/// A hole that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// `<table>@<level>` or `without/<rule>`.
    pub name: String,
    /// The bug class that it is an instance of.
    pub class: &'static str,
    /// What is wrong, in a sentence.
    pub summary: String,
    /// Why nobody can see it, where that can be proved.
    pub equivalent: Option<&'static str>,
}

/// `--isolation` names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no isolation `{name}`; did you mean {}?", nearest.join(" or "))]
pub struct UnknownIsolation {
    name: String,
    nearest: Vec<String>,
}

/// Widenings that provably change nothing: table, level, proof.
const EQUIVALENT: &[(&str, Level, &str)] = &[(
    "upstream-credentials",
    Level::UpstreamCredential,
    "a credential that is one user's has that user's scope, and one that is shared is the same for everybody in its scope",
)];

/// The proof that a widening changes nothing, where there is one.
#[cfg_attr(not(feature = "defects"), expect(dead_code, reason = "asked by the feature's own code"))]
fn proof(table: &str, level: Level) -> Option<&'static str> {
    EQUIVALENT.iter().find(|(t, l, _)| *t == table && *l == level).map(|(_, _, proof)| *proof)
}

#[cfg(feature = "defects")]
mod chosen {
    use super::{Defect, UnknownIsolation, proof};
    use crate::isolation::{Isolation, Level, Rule, table::SHEETS};

    /// The hub of the mission document: MCPHub v2.1.0.
    const MCPHUB: &str = "mcphub-v2.1";
    /// How many near names an error offers.
    const OFFERED: usize = 2;

    impl Isolation {
        /// The isolation of this name: `strict`, the preset `mcphub-v2.1`, one defect, or several joined by `+`.
        ///
        /// # Errors
        /// [`UnknownIsolation`] with the nearest names.
        pub fn from_name(name: &str) -> Result<Self, UnknownIsolation> {
            let mut all = Self::STRICT;
            for one in name.split('+').map(Self::one) {
                let one = one?;
                all.widened.extend(one.widened);
                all.broken.extend(one.broken);
            }
            Ok(all)
        }

        fn one(name: &str) -> Result<Self, UnknownIsolation> {
            match name {
                "strict" => return Ok(Self::STRICT),
                MCPHUB => return Ok(Self::mcphub()),
                _ => {}
            }
            let (widenings, switches) = (widenings().find(|w| w.0.name == name), switches().find(|s| s.0.name == name));
            match (widenings, switches) {
                (Some((_, table, level)), _) => Ok(Self { widened: vec![(table, level)], ..Self::STRICT }),
                (_, Some((_, rule))) => Ok(Self { broken: vec![rule], ..Self::STRICT }),
                _ => Err(UnknownIsolation { name: name.to_owned(), nearest: nearest(name) }),
            }
        }

        /// One upstream connection for everybody, opened for whoever came first and with their
        /// credential; nobody's session and nobody's identity is passed on.
        fn mcphub() -> Self {
            Self {
                widened: vec![("upstream-sessions", Level::Process), ("upstream-credentials", Level::Process)],
                broken: vec![Rule::SendIdentity],
                yields: None,
            }
        }

        /// Every defect: each table at each wider level, then each rule switched off.
        pub fn defects() -> Vec<Defect> {
            widenings().map(|(defect, ..)| defect).chain(switches().map(|(defect, _)| defect)).collect()
        }
    }

    fn widenings() -> impl Iterator<Item = (Defect, &'static str, Level)> {
        SHEETS.iter().flat_map(|sheet| {
            sheet.level.wider().map(|level| {
                let defect = Defect {
                    name: format!("{}@{level}", sheet.name),
                    class: sheet.class_at(level),
                    summary: format!("{} are common to a whole {level} instead of a {}", sheet.holds, sheet.level),
                    equivalent: proof(sheet.name, level),
                };
                (defect, sheet.name, level)
            })
        })
    }

    fn switches() -> impl Iterator<Item = (Defect, Rule)> {
        Rule::ALL.iter().map(|rule| {
            let sheet = rule.sheet();
            let summary = format!("not kept: {}", sheet.says);
            (Defect { name: format!("without/{}", sheet.name), class: sheet.class, summary, equivalent: None }, *rule)
        })
    }

    fn nearest(name: &str) -> Vec<String> {
        let mut names: Vec<String> = Isolation::defects().into_iter().map(|defect| defect.name).collect();
        names.push(MCPHUB.to_owned());
        names.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
        names.truncate(OFFERED);
        names.into_iter().map(|near| format!("`{near}`")).collect()
    }
}
