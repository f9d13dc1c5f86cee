//! The way to a server, for whoever is on an errand: by HTTP, or to a child that is its owner's alone.
//!
//! A session has a child of its own, started with it and ended with it. Requests without a session are served by a child
//! of their key's, which is ended when it was idle for too long. Neither is ever given to anybody else, used or not.

use std::{collections::BTreeMap, ffi::OsString, sync::Arc};

use super::{Errand, upstream_session};
use crate::{
    config::{Command, Reached, Secret},
    downstream::Standing,
    hub::Hub,
    isolation::{Rule, Slot},
    launcher::Program,
    upstream::{
        Fault, Transport,
        stdio::{Audience, Child, Owner, not_started},
    },
};

/// The way for a session; a child is started for it.
pub(super) async fn of_session(errand: &Errand) -> Result<Transport, Fault> {
    match &errand.hub.server(&errand.server)?.reached {
        Reached::Http(_) => Ok(Transport::Http),
        Reached::Stdio(command) => Ok(Transport::Child(start(errand, command, None).await?)),
    }
}

/// The way for a request without a session; a child is started where its key has none.
pub(super) async fn of_moment(errand: &Errand) -> Result<Transport, Fault> {
    let hub = &errand.hub;
    let Reached::Stdio(command) = &hub.server(&errand.server)?.reached else { return Ok(Transport::Http) };
    let (table, place) = (&hub.child_processes, hub.place(&errand.caller, &errand.server));
    let dead = |child: &Arc<Child>| child.is_gone() && hub.isolation.keeps(Rule::StartAnewWhatDied);
    table.remove_if(&place, &errand.server, dead).await?;
    let (owner, command) = (errand.clone(), command.clone());
    let starting = async move {
        let slot = upstream_session::slots(&owner).await?.take().ok_or(Fault::Full)?;
        start(&owner, &command, Some(slot)).await
    };
    let child = table.get_or_open(&place, errand.server.clone(), starting, drop).await?;
    child.activity.touch();
    Ok(Transport::Child(child))
}

/// Ends the child of a key whose server has turned out to want sessions.
pub(super) async fn no_longer_of_moments(errand: &Errand) -> Result<(), Fault> {
    let place = errand.hub.place(&errand.caller, &errand.server);
    drop(errand.hub.child_processes.remove(&place, &errand.server).await?);
    Ok(())
}

/// Ends children that nobody has used for too long.
pub(crate) fn sweep(hub: &Hub) {
    let idle = hub.config.limits.session_idle;
    hub.child_processes.discard(|_, child| child.is_gone() || child.activity.is_idle(idle, &hub.isolation));
}

/// Ends all children that serve requests without a session: at the hub's end.
pub(crate) fn end_all(hub: &Hub) {
    hub.child_processes.everything().iter().for_each(|child| child.end());
    hub.child_processes.discard(|_, _| true);
}

async fn start(errand: &Errand, command: &Command, slot: Option<Slot>) -> Result<Arc<Child>, Fault> {
    let (hub, caller, session, server) = (&errand.hub, &errand.caller, &errand.session, &errand.server);
    let acting = hub.acting(caller, server).await?;
    let variables = environment(hub, command, acting.bearer.as_ref());
    let program = Program { words: command.words.clone(), variables };
    let launched = hub.environment.launcher.launch(program).map_err(|error| not_started(&error))?;
    let owner = Owner {
        server: server.to_string(),
        user: caller.principal.to_string(),
        audience: match session.standing {
            Standing::Client => Audience::OneClient,
            Standing::Bridged | Standing::Moment => Audience::Conversations,
        },
        shows_errors: !hub.isolation.keeps(Rule::LogNoSecrets),
    };
    tracing::info!(%server, user = %caller.principal, "a child was started");
    Ok(Arc::new(Child::keep(launched, &hub.children, hub.config.limits.answer, owner, slot)))
}

/// What a child finds in its environment: what the operator grants, and the credential that it acts with.
fn environment(hub: &Hub, command: &Command, bearer: Option<&Secret>) -> BTreeMap<String, OsString> {
    let mut variables = match hub.isolation.keeps(Rule::ClearEnvironment) {
        true => BTreeMap::new(),
        false => hub.environment.variables.clone(),
    };
    let granted = command.environment.iter().map(|(name, value)| (name.clone(), value.reveal().into()));
    variables.extend(granted);
    variables.extend(command.credential.clone().zip(bearer.map(|bearer| bearer.reveal().into())));
    variables
}
