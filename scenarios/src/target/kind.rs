//! Which target is judged, and the questions that the engine asks of any of them.

use std::{fs, path::Path, sync::Arc};

use rand::{TryRng, rngs::SysRng};

use super::{
    Desk, Guest, Promises, Provision, Running,
    file::{self, HubFile, ServerFile, TargetFile, model::Naming},
    naming,
    reference::{Reference, UnknownIsolation},
    trial,
};
use crate::{
    diagnostics::Diagnostic,
    run::{Cell, Options, options::Destructive},
    scenario::{
        model::{Need, Scenario},
        source::Source,
    },
};

/// What is judged.
#[derive(Debug, Clone)]
pub enum Target {
    /// The hub of this repository.
    Reference(Reference),
    /// A hub that a target file describes.
    Hub(Arc<HubFile>),
    /// A server that a target file describes, asked with no hub between.
    Server(Arc<ServerFile>),
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
        match file::load(&source, folder).map_err(Unusable::Invalid)? {
            TargetFile::Hub(file) => Ok(Self::Hub(Arc::new(file))),
            TargetFile::Server(file) => Ok(Self::Server(Arc::new(file))),
        }
    }

    /// Whether it is somebody else's program, which is only reached over sockets.
    pub fn is_foreign(&self) -> bool {
        !matches!(self, Self::Reference(_))
    }

    /// What a report calls it.
    pub fn title(&self) -> &str {
        match self {
            Self::Reference(reference) => reference.title(),
            Self::Hub(file) => &file.program.name,
            Self::Server(file) => &file.program.name,
        }
    }

    /// What it promises.
    pub fn promises(&self) -> Promises {
        match self {
            Self::Reference(reference) => reference.promises(),
            Self::Hub(file) => file.program.promises.clone(),
            Self::Server(file) => file.program.promises.clone(),
        }
    }

    /// What it promises in this cell: with its naming learned where the cell needs it, and its roles tried out before
    /// anything is judged by them.
    ///
    /// # Errors
    /// Why its naming cannot be learned, or which role does not work even for one user alone.
    pub fn promises_in(&self, cell: &Cell, options: &Options) -> Result<Promises, String> {
        let promises = self.promises();
        let merged = cell.scenario.needs.iter().any(|need| need.value == Need::Groups);
        match self {
            Self::Hub(file) if merged && file.naming == Naming::Learned => {
                let learned = file.learned.get_or_init(|| naming::learn(file, options));
                Ok(Promises { naming: learned.clone()?, ..promises })
            }
            Self::Server(file) => {
                trial::passed(file, &cell.scenario, options)?;
                Ok(promises)
            }
            _ => Ok(promises),
        }
    }

    /// Why it cannot be asked to play this cell; `None` where it can.
    pub fn declines(&self, cell: &Cell, destructive: Destructive) -> Option<String> {
        match self {
            Self::Server(file) => file.declines(cell, destructive),
            _ if cell.scenario.is_for_servers() => {
                Some("it asks a server directly, and this target is a hub".to_owned())
            }
            Self::Reference(_) => None,
            Self::Hub(file) => file.declines(cell),
        }
    }

    /// Whether a run against it plays this scenario where none is named: there is a set for hubs and one for servers.
    pub fn plays(&self, scenario: &Scenario) -> bool {
        scenario.is_for_servers() == matches!(self, Self::Server(_))
    }

    /// The seed of everything that is invented for one play of a cell. A server may remember what it was told in an
    /// earlier run, so that marks for it are never the same twice.
    ///
    /// # Errors
    /// That the system gives no randomness.
    pub fn seed(&self, cell: &Cell, seed: u64) -> Result<u64, String> {
        match self {
            Self::Server(_) => SysRng.try_next_u64().map_err(|error| format!("no randomness: {error}")),
            _ => Ok(cell.seed(seed)),
        }
    }

    /// Takes keys away while it runs: `left` is what it is told of the cell without them, `gone` has no others. It has
    /// carried that out when this returns.
    ///
    /// # Errors
    /// That this target has no way, or what went wrong.
    pub async fn revoke(
        &self,
        left: &Provision<'_>,
        gone: &Provision<'_>,
        desk: Option<&Desk>,
        guest: Option<&Guest>,
    ) -> Result<(), String> {
        match (self, desk, guest) {
            (Self::Reference(_), Some(desk), _) => desk.change_people(left).await,
            (Self::Hub(file), _, Some(guest)) => file.program.revoke(left, gone, guest).await,
            _ => Err("this target has no way to take a key away".to_owned()),
        }
    }

    /// Starts it for one cell.
    ///
    /// # Errors
    /// Why it does not run, in words.
    pub async fn start(&self, provision: &Provision<'_>) -> Result<Running, String> {
        match self {
            Self::Reference(reference) => reference.start(provision).await,
            Self::Hub(file) => file.program.start(provision).await,
            Self::Server(file) => file.program.start(provision).await,
        }
    }
}
