//! Stored violations: what a hub without a fault wrote, spoiled in one place, must make one oracle speak.
//!
//! The hub's own defects show that the suite finds what a hub gets wrong. They cannot show every check: some
//! violations no defect of ours commits. Here each is made by hand, in the trace: a small play is recorded against the
//! strict hub, found clean, spoiled, stored, read back, and judged.
//!
//! - [`violation`]: one of them, and the test that makes every one speak.
//! - [`tape`]: a recorded play, and the places where it can be spoiled.
//! - [`crossings`]: what reached another, or went out in another's name.
//! - [`answers`]: answers, refusals and counts that are not what was promised.
//! - [`tellings`]: progress, notifications and questions.
//! - [`listens`]: what was told to somebody who had asked for something else.
//! - [`requests`]: requests that stand on their own: states, headers, sessions that a hub holds for them.

mod answers;
mod crossings;
mod listens;
mod requests;
mod tape;
mod tellings;
mod violation;
