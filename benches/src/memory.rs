//! What an idle session takes of the hub's memory: the slope between few sessions and many, so that what the hub takes
//! anyhow does not count.

use crate::process::{Servant, Server};

/// Sessions at the two ends of the slope.
pub const SESSIONS: [usize; 2] = [1000, 10_000];

/// Resident memory of the hub's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Without a session, in bytes.
    pub empty: u64,
    /// With as many sessions as [`SESSIONS`] says, in bytes.
    pub full: [u64; 2],
}

impl Memory {
    /// Kilobytes of one session, of 1024 bytes each.
    #[expect(clippy::cast_precision_loss, reason = "bytes of less than a terabyte")]
    pub fn kilobytes_a_session(&self) -> f64 {
        let grown = self.full[1].saturating_sub(self.full[0]) as f64;
        grown / (SESSIONS[1] - SESSIONS[0]) as f64 / 1024.0
    }
}

/// Opens sessions at a fresh hub, each with its session upstream, each on a connection that is closed again.
///
/// # Errors
/// Where a session was not given.
pub fn measure(load: &mut Servant, hub: &Server) -> anyhow::Result<Memory> {
    let mut memory = Memory { empty: hub.resident()?, full: [0; 2] };
    let mut open = 0;
    for (sessions, full) in SESSIONS.into_iter().zip(&mut memory.full) {
        load.order(&format!("visit hub {open} {sessions}"))?;
        open = sessions;
        *full = hub.resident()?;
    }
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_hub_takes_anyhow_does_not_count() {
        let memory = Memory { empty: 1 << 20, full: [50 << 20, (50 << 20) + 9000 * 3072] };
        assert_eq!(memory.kilobytes_a_session().to_bits(), 3.0_f64.to_bits());
    }
}
