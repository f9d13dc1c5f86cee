//! The official suite's scenarios for clients that a hub can meet: alone, and with the hub between.
//!
//! The client is somebody else's and does well alone; so what is worse with the hub between is the hub's. The server is that of
//! the suite, in the era of the scenario, and the client comes in either era.

use std::path::Path;

use super::{
    driver,
    play::{Scores, Suite},
};
use crate::root;

/// A scenario, and the era of the server that the suite plays in it.
const SCENARIOS: [(&str, &str); 6] = [
    ("request-metadata", "stateless"),
    ("http-standard-headers", "stateless"),
    ("http-custom-headers", "stateless"),
    ("sep-2322-client-request-state", "stateless"),
    ("json-schema-ref-no-deref", "stateless"),
    ("sse-retry", "stateful"),
];

/// What stands between the client and the suite, with the era of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    Nothing,
    Hub(&'static str),
}

impl Between {
    const ALL: [Self; 3] = [Self::Nothing, Self::Hub("stateful"), Self::Hub("stateless")];

    pub(super) fn title(self) -> String {
        match self {
            Self::Nothing => "the client alone".to_owned(),
            Self::Hub(era) => format!("{era} client → hub"),
        }
    }

    fn command(self, server: &str) -> String {
        match self {
            Self::Nothing => driver::straight(server),
            Self::Hub(era) => driver::through_hub(era, server),
        }
    }
}

/// Every scenario with everything that may stand between.
pub(super) fn play(suite: &Suite, hub: &Path) -> anyhow::Result<Vec<(Between, Scores)>> {
    let mut columns = Vec::new();
    for between in Between::ALL {
        eprintln!("official suite: {}", between.title());
        let mut scores = Scores::new();
        for (scenario, server) in SCENARIOS {
            let out = root().join("target/official").join(between.title().replace([' ', '→'], "-")).join(scenario);
            scores.insert(scenario.to_owned(), suite.play_server(scenario, &between.command(server), hub, &out)?);
        }
        columns.push((between, scores));
    }
    Ok(columns)
}

/// Every scenario that the hub makes worse, in a line each; and those that the client cannot do even alone, which judge
/// nobody.
pub(super) fn worse(columns: &[(Between, Scores)]) -> Vec<String> {
    let mut lines = Vec::new();
    let alone = columns.iter().find(|(between, _)| *between == Between::Nothing);
    for (scenario, alone) in alone.map(|(_, scores)| scores).into_iter().flatten() {
        if alone.failed() > 0 || alone.is_vacuous() {
            lines.push(format!("the client alone: {scenario}: fails, or nothing was judged"));
        }
        for (between, scores) in columns.iter().filter(|(between, _)| *between != Between::Nothing) {
            let checks = scores.get(scenario).cloned().unwrap_or_default().worse_than(alone);
            if !checks.is_empty() {
                lines.push(format!("{}: {scenario}: {}", between.title(), checks.join(", ")));
            }
        }
    }
    lines
}
