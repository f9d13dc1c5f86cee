//! How severe a log message is.

/// The levels, least severe first.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// A level; the more severe, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level(usize);

impl Level {
    /// The level of this name.
    pub(crate) fn read(name: &str) -> Option<Self> {
        LEVELS.iter().position(|level| *level == name).map(Self)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        LEVELS[self.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_by_severity() {
        assert!(Level::read("debug") < Level::read("warning") && Level::read("warning") < Level::read("emergency"));
        assert_eq!(Level::read("loud"), None);
        assert_eq!(Level::read("error").map(Level::name), Some("error"));
    }
}
