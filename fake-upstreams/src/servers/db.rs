//! `db`: SQL on an embedded database that belongs to one MCP session, or in the stateless era to one context.
//!
//! `set_context` binds the session to a project; `get_data` answers from it. The server trusts the
//! session id alone, as real servers do: whoever is let onto a session has its context.

use std::cell::OnceCell;

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::ValueRef,
};
use serde_json::{Map, Value};

use super::{
    Tool,
    offers::{ABOUT, Shelf},
};

/// Rows that one `query` may return.
const MOST_ROWS: usize = 100;
/// Steps of SQLite's machine between two looks at the count, and how many looks a query may take. Steps, not
/// time: the same query is stopped at the same place on every machine.
const STEPS: i32 = 10_000;
const MOST_LOOKS: u32 = 500;
/// Longest statement, in bytes.
const LONGEST_SQL: i32 = 10_000;

pub(crate) const TOOLS: [Tool; 8] = [
    Tool::ECHO,
    Tool {
        name: "set_context",
        description: "Binds this session to a project.",
        parameters: &[("project", "string")],
        scope: "write",
        ..Tool::PLAIN
    },
    Tool {
        name: "get_data",
        description: "Shows this session's project and notes.",
        parameters: &[],
        scope: "read",
        ..Tool::PLAIN
    },
    Tool {
        name: "insert",
        description: "Stores a note in this session's database.",
        parameters: &[("key", "string"), ("value", "string")],
        scope: "write",
        ..Tool::PLAIN
    },
    Tool {
        name: "query",
        description: "Runs one SELECT on this session's database.",
        parameters: &[("sql", "string")],
        scope: "read",
        ..Tool::PLAIN
    },
    Tool {
        name: "whoami",
        description: "Says whom this server takes the caller for.",
        parameters: &[],
        scope: "read",
        ..Tool::PLAIN
    },
    Tool {
        name: "ask",
        description: "Asks the caller's client by this method, and tells what it answered.",
        parameters: &[("method", "string"), ("text", "string")],
        scope: "read",
        ..Tool::PLAIN
    },
    Tool {
        name: "announce",
        description: "Sends a notification of this method to whoever listens in this session.",
        parameters: &[("method", "string"), ("text", "string")],
        scope: "read",
        ..Tool::PLAIN
    },
];

const CONTEXT: (&str, &str) = ("context", "string");

/// The tools for requests on their own: a context is opened, and named by the handle that it was given.
pub(crate) const STATELESS_TOOLS: [Tool; 9] = [
    Tool { optional: &[CONTEXT], ..TOOLS[0] },
    Tool {
        name: "open_context",
        description: "Opens a context for a project, and gives its handle.",
        parameters: &[("project", "string")],
        scope: "write",
        ..Tool::PLAIN
    },
    Tool { description: "Shows a context's project and notes.", parameters: &[CONTEXT], ..TOOLS[2] },
    Tool {
        description: "Stores a note in a context's database.",
        parameters: &[CONTEXT, ("key", "string"), ("value", "string")],
        ..TOOLS[3]
    },
    Tool {
        description: "Runs one SELECT on a context's database.",
        parameters: &[CONTEXT, ("sql", "string")],
        ..TOOLS[4]
    },
    TOOLS[5],
    TOOLS[6],
    Tool { description: "Sends a notification of this method to the streams of the caller's credential.", ..TOOLS[7] },
    Tool {
        name: "route",
        description: "Returns its text, by way of a region.",
        parameters: &[("region", "string"), ("text", "string")],
        headers: &[("region", "Region")],
        ..Tool::PLAIN
    },
];

/// The database of one session, or of one context.
///
/// Most sessions ask nothing of it, so it is opened by the first call that does.
#[derive(Debug)]
pub(crate) struct Database {
    session_mark: String,
    opened: OnceCell<Connection>,
}

impl Database {
    pub(crate) fn new(session_mark: &str) -> Self {
        Self { session_mark: session_mark.to_owned(), opened: OnceCell::new() }
    }

    fn connection(&self) -> Result<&Connection, String> {
        if let Some(connection) = self.opened.get() {
            return Ok(connection);
        }
        let connection = open(&self.session_mark).map_err(said)?;
        Ok(self.opened.get_or_init(|| connection))
    }

    /// Runs a tool. An error is the text of an `isError` result.
    pub(crate) fn run(&self, tool: &str, arguments: &Map<String, Value>) -> Result<String, String> {
        let text = |name: &str| {
            let value = arguments.get(name).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("`{name}` must be a string"))
        };
        match tool {
            "set_context" => self.set_context(&text("project")?),
            "get_data" => self.get_data(),
            "insert" => self.insert(&text("key")?, &text("value")?),
            "query" => self.query(&text("sql")?),
            _ => text("text"),
        }
    }

    /// The session's context and notes as resources.
    pub(crate) fn shelf(&self) -> Result<Shelf, String> {
        let context = self.get_data()?;
        let mut notes = self.connection()?.prepare("SELECT key, value FROM notes ORDER BY key").map_err(said)?;
        let notes =
            notes.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).map_err(said)?;
        let notes = notes.collect::<Result<Vec<_>, _>>().map_err(said)?;
        let words = notes.iter().map(|(key, _)| key.clone()).collect();
        let mut resources =
            vec![(ABOUT.to_owned(), "a database".to_owned()), ("db://context".to_owned(), context.clone())];
        resources.extend(notes.into_iter().map(|(key, value)| (format!("note://{key}"), value)));
        Ok(Shelf { resources, words, preface: context })
    }

    fn set_context(&self, project: &str) -> Result<String, String> {
        self.connection()?.execute("UPDATE context SET project = ?1", [project]).map_err(said)?;
        Ok(format!("this session now works on project {project}"))
    }

    fn get_data(&self) -> Result<String, String> {
        self.query("SELECT 'project', project, 'session', mark FROM context UNION ALL SELECT 'note', key, '=', value FROM notes")
    }

    fn insert(&self, key: &str, value: &str) -> Result<String, String> {
        let statement = "INSERT INTO notes VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
        self.connection()?.execute(statement, [key, value]).map_err(said)?;
        Ok(format!("stored {key}"))
    }

    fn query(&self, sql: &str) -> Result<String, String> {
        let connection = self.connection()?;
        let mut looks = 0;
        let spent = move || {
            looks += 1;
            looks > MOST_LOOKS
        };
        connection.progress_handler(STEPS, Some(spent)).map_err(said)?;
        let mut statement = connection.prepare(sql).map_err(said)?;
        if !statement.readonly() {
            return Err("only SELECT is allowed".into());
        }
        let columns = statement.column_count();
        let mut rows = statement.query([]).map_err(said)?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next().map_err(said)? {
            if lines.len() == MOST_ROWS {
                lines.push("…".to_owned());
                break;
            }
            let cells: Result<Vec<String>, _> = (0..columns).map(|column| row.get_ref(column).map(show)).collect();
            lines.push(cells.map_err(said)?.join(" "));
        }
        Ok(lines.join("\n"))
    }
}

fn open(session_mark: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(
        "CREATE TABLE context (project TEXT NOT NULL, mark TEXT NOT NULL);
         CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);",
    )?;
    connection.execute("INSERT INTO context VALUES ('none', ?1)", [session_mark])?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Pragma { .. } => Authorization::Deny,
        _ => Authorization::Allow,
    }))?;
    Ok(connection)
}

fn said(error: rusqlite::Error) -> String {
    error.to_string()
}

fn show(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(database: &Database, tool: &str, arguments: Value) -> Result<String, String> {
        database.run(tool, arguments.as_object().expect("an object"))
    }

    #[test]
    fn a_session_remembers_its_project_and_notes() {
        let database = Database::new("mark");
        run(&database, "set_context", json!({ "project": "apollo" })).unwrap();
        run(&database, "insert", json!({ "key": "a", "value": "1" })).unwrap();
        let data = run(&database, "get_data", json!({})).unwrap();
        assert_eq!(data, "project apollo session mark\nnote a = 1");
    }

    #[test]
    fn files_writes_and_endless_queries_are_refused() {
        let database = Database::new("mark");
        for sql in ["ATTACH 'x.db' AS x", "DELETE FROM notes", "PRAGMA journal_mode", "not sql"] {
            assert!(run(&database, "query", json!({ "sql": sql })).is_err(), "{sql}");
        }
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        assert!(run(&database, "query", json!({ "sql": endless })).unwrap_err().contains("interrupted"));
    }
}
