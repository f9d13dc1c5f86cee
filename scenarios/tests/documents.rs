//! What is made from the grammar: the schema for editors and the tables of the scenario format.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{env, fmt::Write as _, fs, path::PathBuf};

use scenarios::{
    coverage, library::Library, observe::load, registry::Registry, scenario::grammar, target::file::words,
};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares a file with what it should be; with `CROSSTALK_WRITE` set, writes it instead.
fn kept(name: &str, wanted: &str) {
    let path = file(name);
    if env::var_os("CROSSTALK_WRITE").is_some() {
        fs::write(&path, wanted).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap_or_default();
    assert!(is == wanted, "{name} is stale; write it anew: CROSSTALK_WRITE=1 cargo test -p scenarios --test documents");
}

#[test]
fn the_schema_is_that_of_the_grammar() {
    kept("schema/scenario.schema.json", &format!("{:#}\n", grammar::schema()));
}

#[test]
fn the_tables_of_the_format_are_those_of_the_grammar() {
    let mut tables = String::from("\n| key | | |\n|---|---|---|\n");
    for (key, required, what) in grammar::FILE {
        writeln!(tables, "| `{key}` | {} | {what} |", if *required { "required" } else { "" }).unwrap();
    }
    tables.push_str("\n| verb | beside it | |\n|---|---|---|\n");
    for (verb, keys, what) in grammar::VERBS {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        writeln!(tables, "| `{verb}` | {} | {what} |", keys.join(" ")).unwrap();
    }
    tables.push_str("\n| expect | |\n|---|---|\n");
    for (name, what) in grammar::EXPECT {
        writeln!(tables, "| `{name}` | {what} |").unwrap();
    }
    writeln!(tables, "\nReasons of a refusal: {}.", grammar::REFUSALS.join(", ")).unwrap();
    let page = fs::read_to_string(file("../docs/scenario-format.md")).unwrap();
    let (before, rest) = page.split_once("<!-- grammar -->").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    kept("../docs/scenario-format.md", &format!("{before}<!-- grammar -->{tables}<!-- end -->{after}"));
}

#[test]
fn the_table_of_observation_files_is_that_of_the_loader() {
    let mut table = String::from("\n| key | | |\n|---|---|---|\n");
    for (key, required, what) in load::FILE {
        writeln!(table, "| `{key}` | {} | {what} |", if *required { "required" } else { "" }).unwrap();
    }
    let page = fs::read_to_string(file("../docs/observe.md")).unwrap();
    let (before, rest) = page.split_once("<!-- observe -->").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    kept("../docs/observe.md", &format!("{before}<!-- observe -->{table}<!-- end -->{after}"));
}

#[test]
fn the_tables_of_targets_are_those_of_the_loader() {
    let table = |head: &str, rows: &[(&str, &str)]| {
        let mut table = format!("\n| {head} | |\n|---|---|\n");
        for (name, what) in rows {
            writeln!(table, "| `{name}` | {what} |").unwrap();
        }
        table
    };
    let braced: Vec<(String, &str)> =
        words::ANYWHERE.iter().map(|(name, what)| (format!("{{{name}}}"), *what)).collect();
    let braced: Vec<(&str, &str)> = braced.iter().map(|(name, what)| (name.as_str(), *what)).collect();
    let keys: Vec<(&str, &str)> = words::FILE.iter().map(|(name, _, what)| (*name, *what)).collect();
    let tables = [
        ("<!-- placeholders -->", table("placeholder", &braced)),
        ("<!-- target -->", table("key", &keys)),
        ("<!-- optional -->", table("`supports`", words::OPTIONAL)),
        ("<!-- expected -->", table("`unsupported`", words::EXPECTED)),
    ];
    with_tables("../docs/targets.md", &tables);
    let keys: Vec<(&str, &str)> = words::SERVER.iter().map(|(name, _, what)| (*name, *what)).collect();
    let roles: Vec<(&str, &str)> = grammar::ROLES.iter().map(|(name, _, what)| (*name, *what)).collect();
    let tables = [
        ("<!-- server -->", table("key", &keys)),
        ("<!-- roles -->", table("role", &roles)),
        ("<!-- expected -->", table("`unsupported`", words::OF_SERVERS)),
        ("<!-- wrong -->", table("code", words::WRONG)),
    ];
    with_tables("../docs/servers.md", &tables);
}

/// Compares a page with itself and these tables in it, each behind its mark.
fn with_tables(name: &str, tables: &[(&str, String)]) {
    let mut page = fs::read_to_string(file(name)).unwrap();
    for (begin, table) in tables {
        let (before, rest) = page.split_once(begin).unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        page = format!("{before}{begin}{table}<!-- end -->{after}");
    }
    kept(name, &page);
}

#[test]
fn the_table_of_bug_classes_is_that_of_the_registry() {
    let registry = Registry::embedded();
    let library = Library::embedded(&registry);
    let rows = coverage::rows(&registry, &library.scenarios);
    let page = fs::read_to_string(file("../docs/bug-classes.md")).unwrap();
    let (before, rest) = page.split_once("<!-- classes -->").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let (table, summary) = (coverage::markdown(&rows), coverage::summary(&rows));
    kept("../docs/bug-classes.md", &format!("{before}<!-- classes -->\n{summary}.\n\n{table}<!-- end -->{after}"));
}
