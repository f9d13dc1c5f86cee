//! Which target is judged, and the questions that the engine asks of any of them.

use std::{fs, path::Path, sync::Arc};

use super::{
    Promises, Provision, Running,
    file::{self, HubFile, model::Naming},
    naming,
    reference::{Reference, UnknownIsolation},
};
use crate::{
    diagnostics::Diagnostic,
    run::{Cell, Options},
    scenario::{model::Need, source::Source},
};

/// What is judged.
#[derive(Debug, Clone)]
pub enum Target {
    /// The hub of this repository.
    Reference(Reference),
    /// A hub that a target file describes.
    Hub(Arc<HubFile>),
}

/// Why a target file cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// It could not be read.
    Unread(String),
    /// What is wrong with it, in the order of its lines.
    Invalid(Vec<Diagnostic>),
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

    /// The target that a file describes.
    ///
    /// # Errors
    /// That it cannot be read, or everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Unusable> {
        let text =
            fs::read_to_string(path).map_err(|error| Unusable::Unread(format!("{}: {error}", path.display())))?;
        let source = Source { path: path.display().to_string().into(), text: text.into() };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        file::load(&source, folder).map(|file| Self::Hub(Arc::new(file))).map_err(Unusable::Invalid)
    }

    /// Whether it is somebody else's program, which is only reached over sockets.
    pub fn is_foreign(&self) -> bool {
        !matches!(self, Self::Reference(_))
    }

    /// What a report calls it.
    pub fn title(&self) -> &str {
        match self {
            Self::Reference(reference) => reference.title(),
            Self::Hub(file) => &file.name,
        }
    }

    /// What it promises.
    pub fn promises(&self) -> Promises {
        match self {
            Self::Reference(reference) => reference.promises(),
            Self::Hub(file) => file.promises.clone(),
        }
    }

    /// What it promises in this cell, with its naming learned where the cell needs it.
    ///
    /// # Errors
    /// Why its naming cannot be learned.
    pub fn promises_in(&self, cell: &Cell, options: &Options) -> Result<Promises, String> {
        let promises = self.promises();
        let merged = cell.scenario.needs.iter().any(|need| need.value == Need::Groups);
        match self {
            Self::Hub(file) if merged && file.naming == Naming::Learned => {
                let learned = file.learned.get_or_init(|| naming::learn(file, options));
                Ok(Promises { naming: learned.clone()?, ..promises })
            }
            _ => Ok(promises),
        }
    }

    /// Why it cannot be asked to play this cell; `None` where it can.
    pub fn declines(&self, cell: &Cell) -> Option<String> {
        match self {
            Self::Reference(_) => None,
            Self::Hub(file) => file.declines(cell),
        }
    }

    /// Starts it for one cell.
    ///
    /// # Errors
    /// Why it does not run, in words.
    pub async fn start(&self, provision: &Provision<'_>) -> Result<Running, String> {
        match self {
            Self::Reference(reference) => reference.start(provision).await,
            Self::Hub(file) => file.start(provision).await,
        }
    }
}
