//! The rules, each from a file's name and text to what is wrong with it.

/// Lines of a file: from here on listed, from there on an error.
const LONG_FILE: (usize, usize) = (400, 500);
/// Lines of a function: listed, error.
const LONG_FUNCTION: (usize, usize) = (70, 100);

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) fails: bool,
}

/// A word that must not stand in some files.
struct Ban {
    /// Files whose name begins with one of these.
    within: &'static [&'static str],
    /// But not these.
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        within: &["scenarios/src/oracles/", "scenarios/src/trace/"],
        except: &[],
        words: &[
            "tokio::",
            "hyper::",
            "hyper_util::",
            "std::net",
            "std::time",
            "crate::engine",
            "crate::target",
            "crate::run",
        ],
        why: "an oracle sees traces and nothing else: no socket, clock or configuration",
    },
    Ban {
        within: &["scenarios/"],
        except: &["scenarios/src/target/reference.rs", "scenarios/Cargo.toml"],
        words: &["hub::"],
        why: "target/reference.rs is the one file of the suite that names the hub",
    },
    Ban {
        within: &["hub/src/"],
        except: &[],
        words: &["fake_upstreams", "scenarios::"],
        why: "the judge and the judged share no code",
    },
    Ban {
        within: &["fake-upstreams/"],
        except: &[],
        words: &["hub::", "scenarios::"],
        why: "a fake knows neither the hub nor the suite",
    },
    Ban {
        within: &["hub/", "fake-upstreams/", "scenarios/", "benches/"],
        except: &[],
        words: &["thread::sleep"],
        why: "nothing sleeps to wait: wait for the event",
    },
    Ban {
        within: &[
            "hub/",
            "fake-upstreams/",
            "scenarios/",
            "benches/",
            "xtask/",
            "docs/",
            "README.md",
            "CONTRIBUTING.md",
            ".ci/",
        ],
        except: &["xtask/src/tidy/rules.rs"],
        words: &["/work/", "/root/", "/home/", "crates.io/", "pypi.org", "registry.npmjs"],
        why: "no paths of somebody's machine, and no name of a package registry's host",
    },
];

/// Everything that is wrong with one file.
pub(super) fn check(name: &str, text: &str) -> Vec<Told> {
    let mut told = bans(name, text);
    if name.ends_with(".rs") {
        told.extend(module_doc(name, text));
        told.extend(waivers(name, text));
        told.extend(length(name, text));
        told.extend(functions(name, text));
        if name.ends_with("/mod.rs") {
            told.extend(guide_page(name, text));
        }
    }
    told
}

fn error(file: &str, line: usize, message: impl Into<String>) -> Told {
    Told { file: file.to_owned(), line, message: message.into(), fails: true }
}

fn bans(name: &str, text: &str) -> Vec<Told> {
    let mut told = Vec::new();
    for ban in
        BANS.iter().filter(|ban| ban.within.iter().any(|start| name.starts_with(start)) && !ban.except.contains(&name))
    {
        for (number, line) in text.lines().enumerate() {
            let code = line.trim_start();
            if name.ends_with(".rs") && code.starts_with("//") && !ban.words.contains(&"/work/") {
                continue;
            }
            if let Some(word) = ban.words.iter().find(|word| has_word(code, word)) {
                told.push(error(name, number + 1, format!("`{word}`: {}", ban.why)));
            }
        }
    }
    told
}

/// Whether `word` stands in `line`, not as the end of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn module_doc(name: &str, text: &str) -> Option<Told> {
    (!text.starts_with("//!")).then(|| error(name, 1, "a file begins by saying what it is for (`//!`)"))
}

/// A lint is waived by `expect` with a reason, and the wall around shared state only inside the kernel.
fn waivers(name: &str, text: &str) -> Vec<Told> {
    let mut told = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        let attribute = code.starts_with("#[") || code.starts_with("#![");
        if attribute && code.contains("allow(") {
            told.push(error(name, number + 1, "`allow` stays when its reason is gone; use `expect` with a reason"));
        }
        let kernel = name.starts_with("hub/src/isolation/");
        if attribute && code.contains("disallowed_types") && !kernel {
            told.push(error(name, number + 1, "shared state stands in hub/src/isolation, and nowhere else"));
        }
    }
    told
}

/// A `mod.rs` is a guide: docs, `mod`, `use`, and constants that belong to the whole.
fn guide_page(name: &str, text: &str) -> Vec<Told> {
    let logic =
        ["fn ", "impl ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "struct ", "pub struct ", "enum ", "pub enum "];
    let lines = text.lines().enumerate().filter(|(_, line)| logic.iter().any(|word| line.starts_with(word)));
    // Where a module *is* its guide page's logic (a single entry point), the file says so by having no submodules in
    // reading order; everything else is an error.
    lines
        .filter(|_| !ENTRY_POINTS.contains(&name))
        .map(|(number, _)| error(name, number + 1, "a mod.rs is a guide page, without logic"))
        .collect()
}

/// Guide pages that hold the one entry point of their module as well.
const ENTRY_POINTS: &[&str] = &[
    "scenarios/src/scenario/lower/mod.rs",
    "scenarios/src/oracles/mod.rs",
    "scenarios/src/trace/mod.rs",
    "xtask/src/tidy/mod.rs",
];

fn length(name: &str, text: &str) -> Option<Told> {
    let lines = text.lines().count();
    let (hint, fails) = LONG_FILE;
    (lines > hint)
        .then(|| Told { fails: lines > fails, ..error(name, lines, format!("{lines} lines: two ideas in one file?")) })
}

/// Functions by indentation: rustfmt puts the closing brace under the `fn`.
fn functions(name: &str, text: &str) -> Vec<Told> {
    let lines: Vec<&str> = text.lines().collect();
    let mut told = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let code = line.trim_start();
        let words = code.split('(').next().unwrap_or_default();
        if code.starts_with("//") || !words.split_whitespace().any(|word| word == "fn") {
            continue;
        }
        let end =
            lines[start..].iter().position(|line| line.len() - line.trim_start().len() == indent && line.trim() == "}");
        let Some(length) = end else { continue };
        let (hint, fails) = LONG_FUNCTION;
        if length > hint {
            told.push(Told {
                fails: length > fails,
                ..error(name, start + 1, format!("a function of {length} lines"))
            });
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(name: &str, text: &str) -> usize {
        check(name, text).iter().filter(|told| told.fails).count()
    }

    #[test]
    fn every_rule_has_a_violation_that_it_sees() {
        let doc = "//! Something.\n";
        let violations = [
            ("scenarios/src/oracles/x.rs", "use tokio::sync::Notify;\n".to_owned()),
            ("scenarios/src/engine/x.rs", "use hub::Hub;\n".to_owned()),
            ("hub/src/x.rs", "use fake_upstreams::wire;\n".to_owned()),
            ("fake-upstreams/src/x.rs", "use hub::Hub;\n".to_owned()),
            ("hub/tests/x.rs", "std::thread::sleep(t);\n".to_owned()),
            ("hub/src/x.rs", "const HOME: &str = \"/home/somebody\";\n".to_owned()),
            ("hub/src/x.rs", "#[allow(dead_code)]\n".to_owned()),
            ("hub/src/edge/x.rs", "#![expect(clippy::disallowed_types, reason = \"no\")]\n".to_owned()),
            ("hub/src/edge/mod.rs", "fn logic() {}\n".to_owned()),
            ("hub/src/x.rs", "\n".repeat(LONG_FILE.1 + 1)),
            ("hub/src/x.rs", format!("fn long() {{\n{}}}\n", "    step();\n".repeat(LONG_FUNCTION.1 + 1))),
        ];
        for (name, text) in violations {
            assert_eq!(errors(name, &format!("{doc}{text}")), 1, "{name}: {text:.60}");
        }
        assert_eq!(errors("hub/src/x.rs", "fn undocumented() {}\n"), 1);
    }

    #[test]
    fn what_is_allowed_is_not_told() {
        assert_eq!(check("scenarios/src/target/reference.rs", "//! The hub.\nuse hub::Hub;\n"), []);
        assert_eq!(
            check("hub/src/isolation/x.rs", "//! Kernel.\n#![expect(clippy::disallowed_types, reason = \"kernel\")]\n"),
            []
        );
        assert_eq!(check("hub/src/x.rs", "//! Words.\nlet github::Host { .. } = host;\n"), []);
    }
}
