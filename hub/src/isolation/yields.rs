//! Yield points: nothing in a shipped hub; in the suite, the races inside the hub explored by seed.

use super::Isolation;

/// Stands before every access to a table.
#[derive(Debug)]
pub(super) struct Yields {
    #[cfg(feature = "defects")]
    rng: Option<seeded::Rng>,
}

#[cfg(not(feature = "defects"))]
impl Yields {
    pub(super) fn new(isolation: &Isolation, _table: &str) -> Self {
        debug_assert!(isolation.yields().is_none());
        Self {}
    }

    pub(super) async fn point(&self) {}
}

#[cfg(feature = "defects")]
impl Yields {
    pub(super) fn new(isolation: &Isolation, table: &str) -> Self {
        Self { rng: isolation.yields().map(|seed| seeded::Rng::new(seed, table)) }
    }

    /// Lets other tasks run, up to three times.
    pub(super) async fn point(&self) {
        let times = self.rng.as_ref().map_or(0, seeded::Rng::times);
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(feature = "defects")]
mod seeded {
    #![expect(clippy::disallowed_types, reason = "the kernel is where shared state stands")]

    use std::sync::{Mutex, PoisonError};

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use sha2::{Digest, Sha256};

    /// Yields at one point in four, where most of the schedule stays as it is and some of it turns around.
    const ONE_IN: u8 = 4;

    #[derive(Debug)]
    pub(super) struct Rng(Mutex<ChaCha8Rng>);

    impl Rng {
        pub(super) fn new(seed: u64, table: &str) -> Self {
            let seed = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(table).finalize();
            Self(Mutex::new(ChaCha8Rng::from_seed(seed.into())))
        }

        pub(super) fn times(&self) -> u8 {
            let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if rng.random_range(0..ONE_IN) == 0 { rng.random_range(1..=3) } else { 0 }
        }
    }
}
