//! The official MCP conformance suite, run at the fake `lab`, through the reference hub, and through a hub that leaks.
//!
//! The suite has one caller and looks at one server: it says whether a hub is a good server, and nothing of whether it
//! keeps its users apart. So a hub may not do worse than its upstream alone, and a leaking hub is in the table to show what
//! the suite does not see.
//!
//! The other way round it plays servers, and looks at what comes from a client: so it sees the hub's client half.
//!
//! - [`mod@run`]: all of it, and the README.
//! - [`setups`]: what is set up and judged. [`proxy`]: who brings the key that the suite does not have.
//! - [`clients`]: its scenarios for clients, with the hub between. [`driver`]: what it starts for each of them.
//! - [`play`]: the suite, installed and run, and what it found. [`table`]: the same for a person to read.

mod clients;
mod driver;
mod play;
mod proxy;
mod run;
mod setups;
mod table;

pub(crate) use driver::drive;
pub(crate) use run::{check, run};
