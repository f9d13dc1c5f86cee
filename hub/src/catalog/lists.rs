//! Lists of several servers, merged: all of them asked side by side, each in the client's own words.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    listing::{self, List, Page},
    merged::{Merged, Wrong, barred},
    names::{self, Owner},
};
use crate::{
    downstream::Standing,
    envelope::{Id, Message, Object},
    era::Era,
    isolation::Rule,
    relay::{self, Claim},
    upstream::Fault,
};

/// Where a merged list says which servers are missing in it, and why.
const UNAVAILABLE: &str = "hub/unavailable";

/// Where a merged list goes on: the servers that have more to show, each with its own cursor.
type Places = BTreeMap<Arc<str>, String>;

/// Pages of several servers.
#[derive(Default)]
struct Listed {
    items: Vec<String>,
    next: Places,
    unavailable: serde_json::Map<String, Value>,
}

impl Merged<'_> {
    /// A list of all servers: one page of each that has more, side by side. Who cannot be asked is left out and named.
    pub(super) async fn list(&self, list: List, message: &Message<'_>, id: Id) -> Result<String, Wrong> {
        let listed = match self.visit.session.standing {
            Standing::Moment => self.pages(list, message).await, // Who goes away has canceled it.
            Standing::Client | Standing::Bridged => {
                let claim = Claim::of_list(self.visit, id).await?;
                tokio::select! {
                    biased;
                    listed = self.pages(list, message) => listed,
                    () = claim.canceled.cancelled() => Err(Wrong::Canceled),
                }
                // The claim ends before the client hears of the end: it may use the id again at once.
            }
        };
        let Listed { items, next, unavailable } = listed?;
        let mut result = vec![format!(r#""{}":[{}]"#, list.member(), items.join(","))];
        if !next.is_empty() {
            let random = self.visit.hub.environment.random.as_ref();
            let sealed = self.visit.hub.sealer.seal(random, &self.holder(list), &next);
            let sealed = sealed.map_err(|error| Wrong::Said(-32603, format!("no cursor: {error}")))?;
            result.push(format!(r#""nextCursor":{}"#, json!(sealed)));
        }
        if !unavailable.is_empty() {
            result.push(format!(r#""_meta":{}"#, json!({ UNAVAILABLE: unavailable })));
        }
        Ok(format!("{{{}}}", result.join(",")))
    }

    /// Whose a cursor is: one key of one person, on one route, for one list.
    fn holder(&self, list: List) -> String {
        let caller = match self.visit.hub.isolation.keeps(Rule::CursorBoundToHolder) {
            true => self.visit.caller.credential.clone(),
            false => "".into(),
        };
        format!("{caller}\n{}\n{}", self.visit.session.route, list.method())
    }

    async fn pages(&self, list: List, message: &Message<'_>) -> Result<Listed, Wrong> {
        let params = message.params.map(Object::read).transpose();
        let params = params.map_err(|error| Wrong::Said(-32602, format!("params: {error}")))?;
        let places: Places = match params.as_ref().and_then(|params| params.get("cursor")) {
            None => Places::new(),
            Some(raw) => {
                let cursor: Option<String> = serde_json::from_str(raw).ok();
                let places: Option<Places> =
                    cursor.and_then(|cursor| self.visit.hub.sealer.open(&self.holder(list), &cursor));
                places.ok_or_else(|| Wrong::Said(-32602, "this cursor is none of yours; begin without one".into()))?
            }
        };
        let asked = self.servers.iter().filter(|server| places.is_empty() || places.contains_key(*server));
        let (params, places) = (params.as_ref(), &places);
        let pages = asked.map(|server| async move {
            let cursor = places.get(server).map(String::as_str);
            (server, self.page(server, list, params, cursor).await)
        });
        self.gather(list, join_all(pages).await).await
    }

    /// One page of one server, asked in the client's own words but for the cursor.
    pub(super) async fn page(
        &self,
        server: &Arc<str>,
        list: List,
        params: Option<&Object<'_>>,
        cursor: Option<&str>,
    ) -> Result<Page, Fault> {
        let errand = self.visit.towards(server).await?;
        let upstream = relay::upstream_session(&errand).await?;
        // A server of the stateless era has not said what it has: it says so when it is asked.
        let unasked = errand.session.standing == Standing::Moment && upstream.era == Era::Stateless;
        if !unasked && !upstream.offers.contains(list.capability()) {
            return Ok(Page::default());
        }
        let left_out = ["cursor", "requestState", "inputResponses"];
        let kept = params.map_or_else(|| "{}".to_owned(), |params| params.without(&left_out));
        let params = match cursor {
            None => kept,
            Some(cursor) => {
                let members = kept.trim_start_matches('{');
                let comma = if members == "}" { "" } else { "," };
                format!(r#"{{"cursor":{}{comma}{members}"#, json!(cursor))
            }
        };
        let request = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"{}","params":{params}}}"#, list.method());
        let answer = relay::ask_server(&errand, &request).await?;
        if unasked && listing::has_no_such_method(&answer) {
            return Ok(Page::default());
        }
        Page::read(list, &answer)
    }

    async fn gather(&self, list: List, pages: Vec<(&Arc<str>, Result<Page, Fault>)>) -> Result<Listed, Wrong> {
        let mut all = Listed::default();
        let asked = pages.len();
        let mut first_fault = None;
        for (server, page) in pages {
            match page {
                Ok(page) => {
                    for item in page.items {
                        all.items.extend(self.told(list, server, item).await?);
                    }
                    all.next.extend(page.next.map(|next| (server.clone(), next)));
                }
                Err(fault) => {
                    tracing::warn!(%server, list = list.method(), %fault, "a list is partial");
                    all.unavailable.insert(server.to_string(), fault.to_string().into());
                    first_fault = first_fault.or(Some((server, fault)));
                }
            }
        }
        match first_fault {
            Some((server, fault)) if all.unavailable.len() == asked => {
                Err(Wrong::Failed(Box::new(self.visit.to(server)), fault))
            }
            _ => Ok(all),
        }
    }

    /// An item as it is told here. One without a name or URI of its own is left out: it could not be asked for.
    pub(super) async fn told(&self, list: List, server: &Arc<str>, item: String) -> Result<Option<String>, Wrong> {
        Ok(match list {
            List::Tools | List::Prompts => listing::member(&item, "name")
                .and_then(|name| listing::with_member(&item, "name", &names::told(server, &name))),
            List::Resources => match listing::member(&item, "uri") {
                Some(uri) => {
                    let told = self.claim_uri(server, &uri).await?;
                    if told == uri { Some(item) } else { listing::with_member(&item, "uri", &told) }
                }
                None => None,
            },
            List::Templates => Some(item),
        })
    }

    /// A URI as this session is told it: bare, unless another server's is the same.
    async fn claim_uri(&self, server: &Arc<str>, uri: &str) -> Result<String, Wrong> {
        let owner = Owner { server: server.clone(), uri: uri.to_owned() };
        if self.visit.session.standing == Standing::Moment {
            return Ok(names::told_apart(&owner)); // Nothing is remembered, so the URI itself says where it leads.
        }
        let (table, place) = (&self.visit.hub.resource_owners, self.visit.place());
        let taken = table.get(&place, &uri.to_owned()).await.map_err(barred)?;
        let told = match taken {
            Some(other) if other.server != *server && self.servers.contains(&other.server) => names::told_apart(&owner),
            _ => uri.to_owned(),
        };
        table.insert(&place, told.clone(), owner).await.map_err(barred)?;
        Ok(told)
    }
}
