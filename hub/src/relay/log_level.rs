//! How much a server of the stateful era logs for a session: as much as the most curious of its requests has asked for.
//! What each is told of it is its own level's.

use super::{Errand, UpstreamSession, ask_server};
use crate::{
    downstream::Standing,
    era::{Era, Level},
    upstream::Fault,
};

/// Has the server log at least this much for a session of the hub's.
pub(super) async fn at_least(errand: &Errand, upstream: &UpstreamSession, level: Level) -> Result<(), Fault> {
    let bridged = errand.session.standing == Standing::Bridged && upstream.era == Era::Stateful;
    if !bridged || !upstream.offers.contains("logging") {
        return Ok(());
    }
    let (table, place) = (&errand.hub.log_levels, errand.place());
    if table.get(&place, &errand.server).await?.is_some_and(|set| set <= level) {
        return Ok(());
    }
    let params = serde_json::json!({ "level": level.name() });
    let request = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"logging/setLevel","params":{params}}}"#);
    Box::pin(ask_server(errand, &request)).await?;
    table.insert(&place, errand.server.clone(), level).await?;
    Ok(())
}
