//! What criterion measured of the hub's parts, read from the files that it leaves.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Deserialize;

use crate::spread::Spread;

/// Users whose sessions are in the pool.
pub const USERS: [usize; 3] = [1, 1000, 100_000];
/// Tasks that use it side by side.
pub const TASKS: [usize; 3] = [1, 2, 8];
/// What is done to the pool.
pub const OPERATIONS: [&str; 5] = ["hit", "cold", "known", "miss", "evict"];
/// What is done to a message.
pub const CODEC: [&str; 2] = ["read", "readdress"];
/// Text in its arguments, in bytes.
pub const SIZES: [usize; 2] = [64, 64 << 10];

/// One operation of the pool by so many tasks: nanoseconds, for each number of users.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// One of [`OPERATIONS`].
    pub operation: &'static str,
    /// One of [`TASKS`].
    pub tasks: usize,
    /// Nanoseconds, as [`USERS`] has them.
    pub times: [Spread; 3],
}

/// One operation of the codec: nanoseconds, for each size.
#[derive(Debug, Clone, PartialEq)]
pub struct Codec {
    /// One of [`CODEC`].
    pub operation: &'static str,
    /// Nanoseconds, as [`SIZES`] has them.
    pub times: [Spread; 2],
}

#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// What was measured of the pool.
///
/// # Errors
/// Where a benchmark has not been run.
pub fn pool(folder: &Path) -> anyhow::Result<Vec<Pool>> {
    let mut all = Vec::new();
    for operation in OPERATIONS {
        for tasks in TASKS {
            let time = |users: usize| read(&folder.join(format!("pool/{operation}-{tasks}/{users}")));
            let [few, some, many] = USERS.map(time);
            all.push(Pool { operation, tasks, times: [few?, some?, many?] });
        }
    }
    Ok(all)
}

/// What was measured of the codec.
///
/// # Errors
/// Where a benchmark has not been run.
pub fn codec(folder: &Path) -> anyhow::Result<Vec<Codec>> {
    let measured = |operation| {
        let [small, large] = SIZES.map(|size| read(&folder.join(format!("envelope/{operation}/{size}"))));
        Ok(Codec { operation, times: [small?, large?] })
    };
    CODEC.into_iter().map(measured).collect()
}

/// Nanoseconds of one iteration over the samples of a benchmark.
fn read(benchmark: &Path) -> anyhow::Result<Spread> {
    let path = benchmark.join("new/sample.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{}: was it run?", path.display()))?;
    let sample: Sample = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let each = sample.times.iter().zip(&sample.iters).map(|(time, iterations)| time / iterations);
    Spread::of(each).with_context(|| format!("{}: no sample", path.display()))
}
