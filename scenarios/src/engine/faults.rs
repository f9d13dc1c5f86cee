//! The faults of a scenario file in the fakes' words.

use fake_upstreams::Fault;

use crate::scenario::model::FaultSpec;

/// The fake's fault. `None` for a name the fakes do not know, which the loader has refused before.
pub fn of(fault: &FaultSpec) -> Option<Fault> {
    Some(match fault {
        FaultSpec::Delay(by) => Fault::Delay(*by),
        FaultSpec::Refuse(status) => Fault::Refuse { status: *status },
        FaultSpec::Disconnect(cut) => Fault::Disconnect(cut.parse().ok()?),
        FaultSpec::Malform(how) => Fault::Malform(how.parse().ok()?),
    })
}
