//! The page that an auditor reads: `hub isolation --markdown`, kept as `docs/isolation.md`.

use std::fmt::Write as _;

use super::{Rule, table::SHEETS};

/// The page, as Markdown.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Isolation: what the users of this hub share, and how narrow it is\n\n\
         This page is printed by `hub isolation --markdown` from the tables and rules that the hub runs on.\n\n\
         Scopes form one chain, from wide to narrow: process, upstream, upstream credential, principal\n\
         (a person), credential (one key of a person), session, call.\n\n\
         ## Tables\n\n\
         | table | scope | entry named by | holds | why |\n|---|---|---|---|---|\n",
    );
    for sheet in SHEETS {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| {} | {} | {} | {} | {} |", sheet.name, sheet.level, sheet.id, sheet.holds, sheet.why);
    }
    page.push_str("\n## Rules\n\n| rule | says | bug class without it |\n|---|---|---|\n");
    for rule in Rule::ALL {
        let sheet = rule.sheet();
        let _ = writeln!(page, "| {} | {} | {} |", sheet.name, sheet.says, sheet.class);
    }
    page.push_str(
        "\n## What stands outside the tables\n\n\
         Clippy refuses locks, atomics, cells and broadcast channels outside the kernel. What remains:\n\n\
         - a task for each call, which owns the channel of that one call;\n\
         - a task for each upstream answer, which reads one body and looks every message up in `in-flight`;\n\
         - a task for each session that listens, which reads the upstream's stream of that session and looks up where\n\
         \u{20} each message goes in `replay-events`;\n\
         - a task for each session that listens where the server keeps no sessions, which reads that session's own listen;\n\
         - a task for each call that has more to say than its answer, which writes that call's stream down;\n\
         - the HTTP client's pool of idle connections to upstreams: bytes of one request at a time, and neither\n\
         \u{20} session nor credential belongs to a connection;\n\
         - one turnstile that is only ever used while `calls-run-side-by-side` or `slow-reader-harms-itself` is\n\
         \u{20} switched off.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_in_docs_is_this_page() {
        let kept = include_str!("../../../docs/isolation.md");
        assert_eq!(
            kept,
            super::markdown(),
            "print it anew: cargo run -p hub -- isolation --markdown > docs/isolation.md"
        );
    }
}
