//! The isolation kernel: everything that callers of this hub share, and how narrow each of it is.
//!
//! Most leaks of real hubs are a shared table whose scope is too wide. Here every shared table is a
//! [`Scoped`] with a declared [`Level`], reached only through a [`Place`] that is built from checked
//! identity. Clippy refuses shared mutable state anywhere else in the crate.
//!
//! Read in this order:
//! - [`level`]: how wide a scope can be; [`place`]: who is asking, from where; [`life`]: until when a session owns anything.
//! - [`table`]: the page: every table, its level, and why.
//! - [`rule`]: what is not a table and must hold all the same.
//! - [`policy`]: the levels and rules in force; strict, unless a defect is compiled in and chosen.
//! - [`scoped`]: the container; [`entries`]: what is in it; [`sync`]: its lock; [`opening`]: one opening for all who wait
//!   for it.
//! - [`activity`]: how idle a session is; [`slots`]: places under a cap; [`serial`]: numbers in order; [`yields`]: races
//!   by seed.
//! - [`parcel`]: something that is taken once; [`idle`]: what is nobody's between two uses; [`current`]: what is replaced
//!   as a whole.
//! - [`backlog`]: an event stream to a client, apart from the connection that carries it.
//! - [`defects`]: deliberate holes, by which the suite shows that its checks can fail.
//! - [`page`]: all of this as a page that a person reads.

pub mod activity;
pub mod backlog;
mod current;
pub mod defects;
mod entries;
mod idle;
pub mod level;
pub mod life;
pub mod opening;
#[cfg(test)]
mod orders;
pub mod page;
mod parcel;
pub mod place;
pub mod policy;
pub mod rule;
pub mod scoped;
pub mod serial;
pub mod slots;
mod sync;
pub mod table;
#[cfg(test)]
mod tests;
pub mod yields;

pub(crate) use activity::{Activity, Listening, Work};
pub(crate) use backlog::{Backlog, Busy, Reader};
pub(crate) use current::Current;
pub use defects::{Defect, UnknownIsolation};
pub(crate) use idle::Idle;
pub use level::Level;
pub(crate) use life::Life;
pub(crate) use parcel::Parcel;
pub(crate) use place::{Account, Barred, Place};
pub use policy::Isolation;
pub use rule::Rule;
pub(crate) use scoped::{Abandoned, Held, Scoped, Taken};
pub(crate) use serial::Serial;
pub(crate) use slots::{Slot, Slots};
