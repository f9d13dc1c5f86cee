//! Benchmarks of the hub; see `benches/`. There is nothing else here.
