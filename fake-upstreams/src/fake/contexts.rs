//! `db` in the stateless era: contexts that callers name by a handle, because there is no session to hold them.
//!
//! A handle is bound to the credential of whoever opened it, and to nobody where there was none: then its 122 random bits
//! are all that keeps others out. A foreign handle and one that was never given out are told apart by nobody.

use rand::RngExt;
use serde_json::{Map, Value};

use super::{request::Asked, server::Fake};
use crate::{
    Basis, Entry,
    servers::{
        db::Database,
        offers::{ABOUT, Shelf},
    },
};

/// What a handle names.
#[derive(Debug)]
pub(super) struct Context {
    owner: Option<String>,
    pub(super) mark: String,
    database: Database,
}

impl Fake {
    /// Runs a tool of `db` for a request on its own.
    pub(super) fn run_in_context(
        &self,
        asked: &Asked,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> Result<String, String> {
        let handle = arguments.get("context").and_then(Value::as_str);
        match (tool, handle) {
            ("open_context", _) => self.open_context(asked, arguments),
            ("echo" | "route", None) => text(arguments, "text"),
            (_, Some(handle)) => self.in_context(asked, handle, |database| database.run(tool, arguments)),
            (_, None) => Err("`context` must be a string; `open_context` gives one".to_owned()),
        }
    }

    fn open_context(&self, asked: &Asked, arguments: &Map<String, Value>) -> Result<String, String> {
        let project = text(arguments, "project")?;
        let handle = self.unguessable();
        let upstream = self.settings.name.clone();
        self.ledger.record(Entry::Handle { upstream, exchange: asked.exchange, handle: handle.clone() });
        let mark = self.lock().marks.next_mark();
        let database = Database::new(&mark);
        database.run("set_context", arguments)?;
        let context = Context { owner: asked.caller.holder(), mark, database };
        self.lock().contexts.insert(handle.clone(), context);
        Ok(format!("context {handle} works on project {project}"))
    }

    fn in_context<T>(
        &self,
        asked: &Asked,
        handle: &str,
        run: impl FnOnce(&Database) -> Result<T, String>,
    ) -> Result<T, String> {
        let state = self.lock();
        let own = state.contexts.get(handle).filter(|context| context.owner == asked.caller.holder());
        run(&own.ok_or("there is no such context of yours; `open_context` gives one")?.database)
    }

    /// What a caller sees of `db`: what everybody sees, and the context that the request names.
    pub(super) fn context_shelf(&self, asked: &Asked) -> Result<Shelf, String> {
        let about = (ABOUT.to_owned(), "a database".to_owned());
        let Some(handle) = named(asked) else {
            return Ok(Shelf { resources: vec![about], ..Shelf::default() });
        };
        let mut shelf = self.in_context(asked, &handle, Database::shelf)?;
        for (uri, _) in &mut shelf.resources {
            if uri == "db://context" {
                *uri = format!("db://{handle}");
            } else if let Some(key) = uri.strip_prefix("note://") {
                *uri = format!("note://{handle}/{key}");
            }
        }
        Ok(shelf)
    }

    /// A name that nobody guesses, and that shows whose it is wherever it turns up.
    pub(super) fn unguessable(&self) -> String {
        let mut state = self.lock();
        let mark = state.marks.next_mark();
        format!("{mark}-{}", uuid::Builder::from_random_bytes(state.ids.random()).into_uuid())
    }

    /// The handle that a tool has just handed out in this text.
    pub(super) fn handed_out(&self, tool: &str, text: &str) -> Option<String> {
        let state = self.lock();
        state.contexts.keys().find(|handle| tool == "open_context" && text.contains(handle.as_str())).cloned()
    }

    /// Writes down whose the contexts are whose data stands in a text.
    pub(super) fn tell_contexts(&self, exchange: u64, text: &str) {
        let found: Vec<(String, String)> = {
            let state = self.lock();
            let contexts = state.contexts.iter();
            let both =
                contexts.flat_map(|(handle, context)| [(handle, context.mark.as_str()), (handle, bearer(handle))]);
            both.filter(|(_, mark)| text.contains(mark))
                .map(|(handle, mark)| (handle.clone(), mark.to_owned()))
                .collect()
        };
        for (handle, mark) in found {
            self.tell_mark(exchange, &mark, Basis::Handle { handle });
        }
    }
}

/// The mark that a name of [`Fake::unguessable`] begins with.
pub(super) fn bearer(name: &str) -> &str {
    name.split_once('-').map_or(name, |(mark, _)| mark)
}

/// The context that a request other than a call names: in its URI, in its arguments, or in those around a completion.
fn named(asked: &Asked) -> Option<String> {
    let in_uri = || {
        let uri = asked.text("uri");
        let rest = uri
            .strip_prefix("db://")
            .or_else(|| uri.strip_prefix("note://")?.split_once('/').map(|(handle, _)| handle));
        rest.map(str::to_owned)
    };
    let in_arguments = |arguments: Option<&Value>| arguments?.get("context")?.as_str().map(str::to_owned);
    in_uri()
        .or_else(|| in_arguments(asked.params.get("arguments")))
        .or_else(|| in_arguments(asked.params.get("context")?.get("arguments")))
}

fn text(arguments: &Map<String, Value>, name: &str) -> Result<String, String> {
    let value = arguments.get(name).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| format!("`{name}` must be a string"))
}
