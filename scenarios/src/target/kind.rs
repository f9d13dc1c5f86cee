//! Which target is judged, and the questions that the engine asks of any of them.

use super::{
    Promises, Provision, Running,
    reference::{Reference, UnknownIsolation},
};
use crate::run::Cell;

/// What is judged.
#[derive(Debug, Clone)]
pub enum Target {
    /// The hub of this repository.
    Reference(Reference),
}

impl Target {
    /// The reference hub without a defect.
    pub fn strict() -> Self {
        Self::Reference(Reference::strict())
    }

    /// The reference hub with this preset or defect; strict without one.
    ///
    /// # Errors
    /// [`UnknownIsolation`] with the nearest names.
    pub fn reference(isolation: Option<&str>) -> Result<Self, UnknownIsolation> {
        Ok(Self::Reference(Reference::new(isolation)?))
    }

    /// What a report calls it.
    pub fn title(&self) -> &str {
        match self {
            Self::Reference(reference) => reference.title(),
        }
    }

    /// What it promises.
    pub fn promises(&self) -> Promises {
        match self {
            Self::Reference(reference) => reference.promises(),
        }
    }

    /// Why it cannot be asked to play this cell; `None` where it can.
    pub fn declines(&self, _cell: &Cell) -> Option<String> {
        match self {
            Self::Reference(_) => None,
        }
    }

    /// Starts it for one cell.
    ///
    /// # Errors
    /// Why it does not run, in words.
    pub async fn start(&self, provision: &Provision<'_>) -> Result<Running, String> {
        match self {
            Self::Reference(reference) => reference.start(provision).await,
        }
    }
}
