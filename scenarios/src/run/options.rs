//! What a run is asked to do.

use std::{num::NonZeroUsize, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{engine::pace, target::Target};

/// How cells are played, and against what.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is judged.
    pub target: Target,
    /// Decides marks, secrets, sampled orders, chunk borders, answer forms and the hub's yields.
    pub seed: u64,
    /// Over what kind of wire and clock.
    pub mode: Mode,
    /// How many cells are played side by side.
    pub workers: NonZeroUsize,
    /// How long an answer may take over sockets.
    pub patience: Duration,
    /// Whether roles of a server are played that change something for good.
    pub destructive: Destructive,
}

/// Whether roles of a server are played that change something for good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Destructive {
    /// They are not.
    #[default]
    Spared,
    /// Whoever runs this has allowed it.
    Allowed,
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
        let destructive = Destructive::Spared;
        Self {
            target: Target::strict(),
            seed: 0,
            mode: Mode::InProcess,
            workers,
            patience: pace::PATIENCE,
            destructive,
        }
    }
}
