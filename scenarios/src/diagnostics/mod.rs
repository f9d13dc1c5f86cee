//! What a user wrote wrong, or what a hub did wrong at a line that a user wrote: told with the line itself.
//!
//! - [`diagnostic`]: what is to be told; [`mod@render`]: how it looks.
//! - [`mod@nearest`]: the word that was probably meant.

pub mod diagnostic;
pub mod nearest;
pub mod render;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use nearest::nearest;
pub use render::{Style, render, render_all};
