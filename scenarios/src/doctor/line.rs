//! One step of the doctor's walk, as it is told.

use std::fmt;

/// A step and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The step.
    pub step: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It works: what was seen.
    Works(String),
    /// The file says that the hub cannot do this, and why.
    NotAsked(String),
    /// It does not: what is missing and how to mend it.
    Missing(String),
}

impl Line {
    /// A step that works.
    pub fn works(step: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { step: step.into(), outcome: Outcome::Works(seen.into()) }
    }

    /// A step that does not.
    pub fn missing(step: impl Into<String>, what: impl Into<String>) -> Self {
        Self { step: step.into(), outcome: Outcome::Missing(what.into()) }
    }

    /// A step that the hub is not asked.
    pub fn not_asked(step: impl Into<String>, why: impl Into<String>) -> Self {
        Self { step: step.into(), outcome: Outcome::NotAsked(why.into()) }
    }

    /// Whether it does not work.
    pub fn is_missing(&self) -> bool {
        matches!(self.outcome, Outcome::Missing(_))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Works(seen) => write!(f, "  ok       {:<28} {seen}", self.step),
            Outcome::NotAsked(why) => write!(f, "  --       {:<28} not asked: {why}", self.step),
            Outcome::Missing(what) => {
                write!(f, "  MISSING  {}", self.step)?;
                for line in what.lines() {
                    write!(f, "\n           {line}")?;
                }
                Ok(())
            }
        }
    }
}
