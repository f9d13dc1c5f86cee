//! What several servers tell a client of the stateless era that listens, on one stream: one listen at each, with what
//! of the filter concerns it, in the words that the client knows.

use std::sync::Arc;

use futures_util::{Stream, StreamExt, future::join_all, stream};
use serde_json::json;

use super::{
    merged::Merged,
    names::{self, Owner},
};
use crate::{
    envelope::{Message, Object, with_part},
    era::meta::SUBSCRIPTION,
    relay::{self, Ear, Filter, Heard, Visit},
};

/// What the servers tell, after the word that the listen has begun. A server that cannot be listened to is left out of
/// it.
pub(crate) async fn listen(
    visit: &Visit,
    servers: &[Arc<str>],
    message: &Message<'_>,
) -> impl Stream<Item = String> + Send + 'static + use<> {
    let merged = Merged { visit, servers };
    let filter = Filter::of(message);
    let mut wanted: Vec<(Arc<str>, Filter)> = Vec::new();
    for server in servers {
        wanted.push((server.clone(), Filter { uris: Vec::new(), tasks: Vec::new(), ..filter.clone() }));
    }
    for uri in &filter.uris {
        if let Ok(Some(owner)) = merged.owner(uri).await
            && let Some((_, filter)) = wanted.iter_mut().find(|(server, _)| *server == owner.server)
        {
            filter.uris.push(owner.uri);
        }
    }
    for shown in &filter.tasks {
        if let Ok(Some(begun_at)) = merged.server_of_task(shown).await
            && let Some((_, filter)) = wanted.iter_mut().find(|(server, _)| server == begun_at)
        {
            filter.tasks.push(shown.clone());
        }
    }
    let asked = wanted.iter().filter(|(_, filter)| filter.names_any());
    let begun = join_all(asked.map(|(server, filter)| begin(visit, server, filter, message))).await;
    let (mut agreed, mut ears) = (Filter::default(), Vec::new());
    for (server, part, ear) in begun.into_iter().flatten() {
        agreed.tools |= part.tools;
        agreed.prompts |= part.prompts;
        agreed.resources |= part.resources;
        agreed.tasks.extend(part.tasks);
        // As the client has named them, so that it finds them again.
        agreed.uris.extend(part.uris.into_iter().map(|uri| named(&server, uri, &filter)));
        ears.push(told(server, ear, filter.clone()).boxed());
    }
    let raw_id = message.raw_id().unwrap_or("null");
    let begun = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"{SUBSCRIPTION}":{raw_id}}},"notifications":{}}}}}"#,
        agreed.written()
    );
    // Without anybody to listen to, the client listens all the same: to nothing.
    let rest = match ears.is_empty() {
        true => stream::pending().boxed(),
        false => stream::select_all(ears).boxed(),
    };
    stream::iter([begun]).chain(rest)
}

/// Begins to listen to one server; what of the filter it has agreed to.
async fn begin(
    visit: &Visit,
    server: &Arc<str>,
    filter: &Filter,
    message: &Message<'_>,
) -> Option<(Arc<str>, Filter, Ear)> {
    let raw = message.param("notifications")?;
    let text = message.with_part(raw, &filter.written().to_string());
    let beginning = async {
        let errand = visit.towards(server).await.ok()?;
        let Heard::Stream(mut ear) = relay::subscribe(&errand, &Message::read(&text).ok()?).await.ok()? else {
            return None;
        };
        let first = ear.next().await?;
        let agreed = Filter::of(&Message::read(&first).ok()?);
        Some((server.clone(), agreed, ear))
    };
    let begun = tokio::time::timeout(visit.hub.config.limits.call_timeout, beginning).await.ok().flatten();
    if begun.is_none() {
        tracing::warn!(%server, "a server is left out of a listen");
    }
    begun
}

/// What one server tells, with its resources named as the client has named them.
fn told(server: Arc<str>, ear: Ear, filter: Filter) -> impl Stream<Item = String> + Send + 'static {
    stream::unfold((server, ear, filter), |(server, mut ear, filter)| async move {
        loop {
            let text = ear.next().await?;
            // The end of one server's listen is not the end of the client's.
            let Ok(message) = Message::read(&text) else { continue };
            if Object::read(&text).is_ok_and(|read| read.get("method").is_none()) {
                continue;
            }
            let text = match message.string_param("uri") {
                Some((raw, uri)) => with_part(&text, raw, &json!(named(&server, uri, &filter)).to_string()),
                None => text,
            };
            return Some((text, (server, ear, filter)));
        }
    })
}

/// A server's URI as the client knows it: as it has named it in its filter, or told apart.
fn named(server: &Arc<str>, uri: String, filter: &Filter) -> String {
    match filter.uris.contains(&uri) {
        true => uri,
        false => names::told_apart(&Owner { server: server.clone(), uri }),
    }
}
