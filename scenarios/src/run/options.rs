//! What a run is asked to do.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

pub use crate::target::reference::UnknownIsolation;

/// How cells are played, and against what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Preset or defect of the reference hub; `None` is the strict hub.
    pub isolation: Option<String>,
    /// Decides marks, secrets, sampled orders, chunk borders, answer forms and the hub's yields.
    pub seed: u64,
    /// Over what kind of wire and clock.
    pub mode: Mode,
    /// How many cells are played side by side.
    pub workers: NonZeroUsize,
}

/// Over what kind of wire and clock a cell is played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One thread, duplex pipes, paused clock: one seed, one trace.
    #[default]
    InProcess,
    /// TCP on the loopback interface and the wall's clock.
    Socket,
}

impl Default for Options {
    fn default() -> Self {
        let workers = NonZeroUsize::new(2).expect("two is not zero");
        Self { isolation: None, seed: 0, mode: Mode::InProcess, workers }
    }
}

/// Why a run cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `--isolation` names nothing that the reference hub knows.
    #[error(transparent)]
    Isolation(#[from] UnknownIsolation),
}
