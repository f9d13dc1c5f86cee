//! Eras of the protocol, its revisions, and the pairs of eras in which a scenario is played.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A protocol era.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// Revisions 2025-03-26 to 2025-11-25: initialize, sessions, DELETE.
    #[default]
    Stateful,
    /// Revision 2026-07-28: every request stands on its own.
    Stateless,
}

impl Era {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::Stateful, Self::Stateless];

    /// The newest revision of it.
    pub fn newest(self) -> Revision {
        match self {
            Self::Stateful => Revision::November2025,
            Self::Stateless => Revision::July2026,
        }
    }
}

/// In which era the clients speak, and in which the upstreams. Written `stateless/stateful`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pair {
    /// The clients' era.
    pub client: Era,
    /// The upstreams' era.
    pub upstream: Era,
}

impl Pair {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [
        Self { client: Era::Stateful, upstream: Era::Stateful },
        Self { client: Era::Stateful, upstream: Era::Stateless },
        Self { client: Era::Stateless, upstream: Era::Stateful },
        Self { client: Era::Stateless, upstream: Era::Stateless },
    ];

    /// Whether the hub must translate.
    pub fn is_bridge(self) -> bool {
        self.client != self.upstream
    }

    /// As a target file names it: the default pair goes without saying.
    pub fn capability(self) -> Option<&'static str> {
        match (self.client, self.upstream) {
            (Era::Stateful, Era::Stateful) => None,
            (Era::Stateful, Era::Stateless) => Some("stateful/stateless"),
            (Era::Stateless, Era::Stateful) => Some("stateless/stateful"),
            (Era::Stateless, Era::Stateless) => Some("stateless/stateless"),
        }
    }
}

/// There is no such pair of eras.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no pair of eras `{0}`; a pair is written `stateless/stateful`, the clients' era first")]
pub struct UnknownPair(String);

impl FromStr for Pair {
    type Err = UnknownPair;

    fn from_str(text: &str) -> Result<Self, UnknownPair> {
        // Before there were pairs, traces named the era of both sides in one word.
        let known = Self::ALL
            .into_iter()
            .find(|pair| pair.to_string() == text || (text, *pair) == ("stateful", Self::default()));
        known.ok_or_else(|| UnknownPair(text.to_owned()))
    }
}

impl TryFrom<String> for Pair {
    type Error = UnknownPair;

    fn try_from(text: String) -> Result<Self, UnknownPair> {
        text.parse()
    }
}

impl From<Pair> for String {
    fn from(pair: Pair) -> Self {
        pair.to_string()
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stateful => "stateful",
            Self::Stateless => "stateless",
        })
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.client, self.upstream)
    }
}

/// A protocol revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Revision {
    /// 2025-03-26, the only one with batches.
    #[serde(rename = "2025-03-26")]
    March2025,
    /// 2025-06-18.
    #[serde(rename = "2025-06-18")]
    June2025,
    /// 2025-11-25.
    #[serde(rename = "2025-11-25")]
    November2025,
    /// 2026-07-28, the only one of the stateless era.
    #[serde(rename = "2026-07-28")]
    July2026,
}

impl Revision {
    /// All that are played, oldest first.
    pub const ALL: [Self; 4] = [Self::March2025, Self::June2025, Self::November2025, Self::July2026];
    /// Those of the stateful era, oldest first.
    pub const STATEFUL: [Self; 3] = [Self::March2025, Self::June2025, Self::November2025];
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::March2025 => "2025-03-26",
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
            Self::July2026 => "2026-07-28",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_read_as_it_is_written() {
        for pair in Pair::ALL {
            assert_eq!(pair.to_string().parse(), Ok(pair));
        }
        assert_eq!("stateful".parse(), Ok(Pair::default()));
        assert!("stateless".parse::<Pair>().is_err());
    }
}
