//! What a path leads to: one server, a group, or everything. Asked with every request, never kept in a session,
//! so that a right which was taken away is gone at once.

use std::sync::Arc;

use crate::config::{Config, User};

/// The path of everything, and the start of all others.
const ROOT: &str = "/mcp";

/// A route of this hub, as far as one user may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// What sessions are bound to: a server's or a group's name, `*` for everything.
    pub(crate) name: Arc<str>,
    /// What stands behind it.
    pub(crate) reach: Reach,
}

/// What stands behind a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One server, its names bare.
    Server(Arc<str>),
    /// Several servers shown as one, their names told apart.
    Merged(Vec<Arc<str>>),
}

/// The route of a path, if it is one and this user may use anything of it.
pub(crate) fn find(config: &Config, user: &User, path: &str) -> Option<Route> {
    let may = |server: &Arc<str>| user.may_use(server);
    let merged = |name: Arc<str>, servers: Vec<Arc<str>>| {
        let reach = Reach::Merged(servers);
        Some(Route { name, reach }).filter(|route| !matches!(&route.reach, Reach::Merged(none) if none.is_empty()))
    };
    if path == ROOT {
        return merged("*".into(), config.servers.keys().filter(|server| may(server)).cloned().collect());
    }
    let name = path.strip_prefix(ROOT)?.strip_prefix('/')?;
    if let Some((group, members)) = config.groups.get_key_value(name) {
        return merged(group.clone(), members.iter().filter(|server| may(server)).cloned().collect());
    }
    let (server, _) = config.servers.get_key_value(name)?;
    may(server).then(|| Route { name: server.clone(), reach: Reach::Server(server.clone()) })
}
