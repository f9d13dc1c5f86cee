//! Which server a resource belongs to, where several are shown as one.

use std::sync::Arc;

use super::{
    listing::{self, List},
    merged::{Merged, Wrong, barred},
    names::{self, Owner},
};
use crate::downstream::Standing;

/// Pages of one server's resources that are searched for a URI which nobody was told yet.
const MOST_PAGES: usize = 10;

/// The resources of all servers, page by page, one server after another. What cannot be had is passed over.
struct Pages<'m> {
    merged: &'m Merged<'m>,
    servers: std::slice::Iter<'m, Arc<str>>,
    /// The server that has more, its cursor, and how many pages of it were read.
    more: Option<(&'m Arc<str>, String, usize)>,
}

impl<'m> Pages<'m> {
    fn of(merged: &'m Merged<'m>) -> Self {
        Self { merged, servers: merged.servers.iter(), more: None }
    }

    async fn next(&mut self) -> Option<(&'m Arc<str>, Vec<String>)> {
        loop {
            let (server, cursor, read) = match self.more.take() {
                Some((server, cursor, read)) => (server, Some(cursor), read),
                None => (self.servers.next()?, None, 0),
            };
            if let Ok(page) = self.merged.page(server, List::Resources, None, cursor.as_deref()).await {
                self.more = page.next.filter(|_| read + 1 < MOST_PAGES).map(|cursor| (server, cursor, read + 1));
                return Some((server, page.items));
            }
        }
    }
}

impl Merged<'_> {
    /// Where a URI leads: as this session was told, or as the servers' lists and templates say.
    pub(super) async fn owner(&self, uri: &str) -> Result<Option<Owner>, Wrong> {
        if self.visit.session.standing == Standing::Moment {
            return self.owner_without_memory(uri).await;
        }
        let (table, place) = (&self.visit.hub.resource_owners, self.visit.place());
        let told = |found: Option<Owner>| found.filter(|owner| self.server(&owner.server).is_some());
        let known = table.get(&place, &uri.to_owned()).await.map_err(barred)?;
        if let Some(owner) = told(known) {
            return Ok(Some(owner));
        }
        let mut pages = Pages::of(self);
        while let Some((server, items)) = pages.next().await {
            for item in items {
                self.told(List::Resources, server, item).await?;
            }
        }
        let known = table.get(&place, &uri.to_owned()).await.map_err(barred)?;
        if let Some(owner) = told(known) {
            return Ok(Some(owner));
        }
        let server = self.owner_of_template(uri).await?;
        Ok(server.map(|server| Owner { server, uri: uri.to_owned() }))
    }

    /// The same where nothing is remembered: the URI says where it leads, or the servers' lists and templates do.
    async fn owner_without_memory(&self, uri: &str) -> Result<Option<Owner>, Wrong> {
        if let Some((server, bare)) = names::apart(uri)
            && let Some(server) = self.server(server)
        {
            return Ok(Some(Owner { server, uri: bare.to_owned() }));
        }
        let mut pages = Pages::of(self);
        while let Some((server, items)) = pages.next().await {
            if items.iter().any(|item| listing::member(item, "uri").as_deref() == Some(uri)) {
                return Ok(Some(Owner { server: server.clone(), uri: uri.to_owned() }));
            }
        }
        let server = self.owner_of_template(uri).await?;
        Ok(server.map(|server| Owner { server, uri: uri.to_owned() }))
    }

    /// The first server with a template that makes this URI, or that is this template.
    pub(super) async fn owner_of_template(&self, uri: &str) -> Result<Option<Arc<str>>, Wrong> {
        for server in self.servers {
            let Ok(page) = self.page(server, List::Templates, None, None).await else { continue };
            let mut templates = page.items.iter().filter_map(|item| listing::member(item, "uriTemplate"));
            if templates.any(|template| template == uri || names::fits(&template, uri)) {
                return Ok(Some(server.clone()));
            }
        }
        Ok(None)
    }
}
