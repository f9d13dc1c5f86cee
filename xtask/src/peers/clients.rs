//! Who is tried. Every version is pinned, so that a failure is ours.

use std::{fs, process::Command};

use anyhow::Context;

use super::{cancels, python, stage::Stage, talk};
use crate::{npm, root};

/// A client of other people.
#[derive(Debug)]
pub(crate) struct Client {
    /// What it is called here, on the command line too.
    name: &'static str,
    program: Program,
    eras: &'static [&'static str],
    /// Steps that it has no way to do, and why.
    cannot: &'static [(&'static str, &'static str)],
}

/// What runs it.
#[derive(Debug, Clone, Copy)]
enum Program {
    /// A file beside the description, with this package.
    Python { file: &'static str, package: &'static str },
    /// A file beside the description, with the packages of `package.json`.
    Node { file: &'static str },
}

const BOTH: &[&str] = &["stateful", "stateless"];
const STATEFUL: &[&str] = &["stateful"];

/// The Python SDK.
pub(crate) const PYTHON: Client = Client {
    name: "mcp",
    program: Program::Python { file: "mcp_2.py", package: "mcp==2.3.0" },
    eras: BOTH,
    cannot: &[],
};

/// The Python SDK in its first line.
pub(crate) const PYTHON_1: Client = Client {
    name: "mcp-1",
    program: Program::Python { file: "mcp_1.py", package: "mcp==1.30.0" },
    eras: STATEFUL,
    cannot: &[("cancel", "it says nothing to the server when its caller stops waiting")],
};

/// The client of fastmcp, in the version with which the hub of `scenarios/targets/fastmcp` is made.
pub(crate) const FASTMCP: Client = Client {
    name: "fastmcp",
    program: Program::Python { file: "fastmcp_4.py", package: python::FASTMCP },
    eras: BOTH,
    cannot: &[],
};

/// The TypeScript SDK.
pub(crate) const TYPESCRIPT: Client =
    Client { name: "typescript", program: Program::Node { file: "client_2.mjs" }, eras: BOTH, cannot: &[] };

/// The TypeScript SDK in its first line.
pub(crate) const TYPESCRIPT_1: Client =
    Client { name: "typescript-1", program: Program::Node { file: "sdk_1.mjs" }, eras: STATEFUL, cannot: &[] };

const ALL: [&Client; 5] = [&PYTHON, &PYTHON_1, &FASTMCP, &TYPESCRIPT, &TYPESCRIPT_1];

/// Tries all of them, or the one of this name.
pub(crate) fn try_all(name: Option<&str>) -> anyhow::Result<()> {
    let names = ALL.map(|client| client.name).join(", ");
    let mut chosen = ALL.into_iter().filter(|client| name.is_none_or(|name| name == client.name)).peekable();
    chosen.peek().with_context(|| format!("there is no such client; there are {names}"))?;
    chosen.try_for_each(Client::check)
}

impl Client {
    /// Lets both users do everything with it, in each era that it speaks.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for (step, reason) in self.cannot {
            println!("{}: `{step}` is left out: {reason}", self.name);
        }
        let cannot: Vec<&str> = self.cannot.iter().map(|(step, _)| *step).collect();
        for era in self.eras {
            let stage = Stage::set()?;
            let visits = talk::visits(era, &cannot)?;
            let count = talk::hold(&stage, era, &visits, self.command()?)
                .and_then(|count| cancels::heard(&stage, &visits).map(|()| count))
                .with_context(|| format!("{}, {era}", self.name))?;
            println!("{}, {era}: {count} steps came to what they should", self.name);
        }
        Ok(())
    }

    fn command(&self) -> anyhow::Result<Command> {
        let folder = root().join("xtask/peers");
        match self.program {
            Program::Python { file, package } => {
                let mut command = Command::new(python::environment(package)?);
                // The folder of the programs stays as it is.
                command.arg("-B").arg(folder.join(file));
                Ok(command)
            }
            Program::Node { file } => {
                let installed = npm::install(&folder, "node-clients")?;
                // A program finds packages from where it stands.
                for name in [file, "talk.mjs"] {
                    fs::copy(folder.join(name), installed.join(name)).with_context(|| name.to_owned())?;
                }
                let mut command = Command::new("node");
                command.arg(installed.join(file));
                Ok(command)
            }
        }
    }
}
