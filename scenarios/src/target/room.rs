//! A program that a target file describes, started for one cell: a room of its own, files, process, users, routes.

use std::{fs, path::Path, time::Duration};

use rand::RngExt;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Guest, Provision, Running,
    file::{
        fill::{Values, fill},
        model::{Life, Program, Ready, Start},
        template,
    },
    ports::{self, Port},
    process::{self, Launch, Process},
    provisioning::{Kept, Provisioner},
    ready::{self, Sign},
};
use crate::{
    diagnostics::{Diagnostic, Style, render},
    engine::client::{Endpoint, Wire},
    scenario::{
        grammar,
        source::{Span, Spanned},
    },
    trace::recorder::{Disguise, Secret},
};

/// What went wrong, at its line of the target file.
pub type Trouble = Box<Diagnostic>;

impl Program {
    /// Starts it and tells it everything.
    ///
    /// # Errors
    /// The first thing that did not work, in words.
    pub async fn start(&self, provision: &Provision<'_>) -> Result<Running, String> {
        let room = Room::open(self, provision).map_err(|trouble| told(&trouble))?;
        let told = |trouble: Trouble| room.plain(&told(&trouble));
        room.write().map_err(told)?;
        room.prepare().await.map_err(told)?;
        let mut process = room.launch().map_err(told)?;
        let provisioned = async {
            room.ready(&mut process).await?;
            let kept = room.provision(process.as_ref()).await?;
            Ok((room.endpoints()?, kept))
        };
        let (endpoints, kept) = provisioned.await.map_err(told)?;
        let (keys, guest) = (kept.keys.clone(), Some(room.into_guest(process, kept)));
        Ok(Running { endpoints, keys, guest, ..Running::default() })
    }

    /// Takes keys away while it runs: its files are written anew with what it is told without them, then the steps of
    /// the file are done, for those keys.
    ///
    /// # Errors
    /// The first thing that did not work, in words.
    pub async fn revoke(&self, left: &Provision<'_>, gone: &Provision<'_>, guest: &Guest) -> Result<(), String> {
        let context = template::context(left, &guest.values);
        let (process, values) = (guest.process.as_ref(), &guest.values);
        let (source, folder) = (&self.source, &self.folder);
        let provisioner = Provisioner { source, folder, provision: gone, values, context: &context, process };
        let revoked = async {
            write(self, guest.folder.path(), &context)?;
            provisioner.run(&self.revoke, guest.kept.clone()).await
        };
        revoked.await.map(drop).map_err(|trouble| told(&trouble))
    }
}

/// Writes the files of a program into this folder; gives their names.
fn write(program: &Program, folder: &Path, context: &Value) -> Result<Vec<String>, Trouble> {
    let mut names = Vec::new();
    for file in &program.files {
        let text = file.template.render(context)?;
        let path = folder.join(&file.to);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|error| Room::at_top(program, "T041", format!("{}: {error}", path.display())))?;
        names.push(file.to.clone());
    }
    Ok(names)
}

fn told(trouble: &Diagnostic) -> String {
    render(trouble, Style::default())
}

/// Where one cell's hub lives: its folder, its port, and everything that it may be told.
#[derive(Debug)]
pub struct Room<'p> {
    file: &'p Program,
    provision: &'p Provision<'p>,
    folder: TempDir,
    /// Its port; `None` for a hub that runs already.
    port: Option<Port>,
    values: Values,
    context: Value,
    disguises: Vec<Disguise>,
}

impl<'p> Room<'p> {
    /// Makes the folder and finds a port.
    ///
    /// # Errors
    /// Where there is no folder or no port to be had.
    pub fn open(file: &'p Program, provision: &'p Provision<'p>) -> Result<Self, Trouble> {
        let failed = |error: std::io::Error| Self::at_top(file, "T040", format!("no room for it: {error}"));
        let folder = tempfile::Builder::new().prefix("crosstalk-").tempdir().map_err(failed)?;
        let facts = provision.facts;
        let mut values = Values::new();
        let mut set = |name: &str, value: String| values.insert(name.to_owned(), value);
        let port = match &file.life {
            Life::Started(_) => {
                let port = ports::free().map_err(failed)?;
                set("port", port.number.to_string());
                set("url", format!("http://127.0.0.1:{}", port.number));
                Some(port)
            }
            Life::Running(url) => {
                set("url", url.clone());
                None
            }
        };
        set("dir", folder.path().display().to_string());
        set("target", std::path::absolute(&file.folder).map_err(failed)?.display().to_string());
        set("secret", secret(provision.seed));
        set("revision", facts.revision.clone());
        set("credentials", facts.credentials.to_string());
        let disguises = disguises(file, provision);
        for disguise in &disguises {
            provision.recorder.disguise(disguise.clone());
        }
        let context = template::context(provision, &values);
        Ok(Self { file, provision, folder, port, values, context, disguises })
    }

    fn at_top(file: &Program, code: &str, message: impl Into<String>) -> Trouble {
        Box::new(Diagnostic::error(code, message, &file.source, Span { start: 0, end: 1 }))
    }

    /// A text without what differs from cell to cell.
    pub fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in ["dir", "port", "secret"] {
            if let Some(value) = self.values.get(name) {
                text = text.replace(value, &format!("{{{name}}}"));
            }
        }
        for Disguise { shown, secret } in &self.disguises {
            text = text.replace(&secret.0, shown);
        }
        text
    }

    /// Writes the files; gives their names.
    ///
    /// # Errors
    /// A template that asks for what is not there, or what the file system says.
    pub fn write(&self) -> Result<Vec<String>, Trouble> {
        write(self.file, self.folder.path(), &self.context)
    }

    /// Runs the commands that come before the start.
    ///
    /// # Errors
    /// The first that failed.
    pub async fn prepare(&self) -> Result<Kept, Trouble> {
        self.provisioner(None).run(&self.file.prepare, Kept::default()).await
    }

    /// Starts the process; `None` for a hub that runs already.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn launch(&self) -> Result<Option<Process>, Trouble> {
        let Life::Started(start) = &self.file.life else { return Ok(None) };
        let launch = self.launching(start)?;
        let started = Process::start(&launch, self.provision.recorder);
        let span = start.command.first().map(|program| program.span).unwrap_or_default();
        started.map(Some).map_err(|failure| {
            let help = "install it, or name it by its path: a path with a slash begins at the target file's folder";
            Box::new(Diagnostic::error("T042", failure.to_string(), &self.file.source, span).help(help))
        })
    }

    fn launching(&self, start: &Start) -> Result<Launch, Trouble> {
        let folder = match &start.folder {
            Some(folder) => self.file.folder.join(self.fill(folder)?),
            None => self.file.folder.clone(),
        };
        let mut arguments =
            start.command.iter().map(|part| self.fill(part)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let program = arguments.next().unwrap_or_default();
        let program = process::located(&self.file.folder, &program).display().to_string();
        let environment = start.environment.iter().map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
        let environment = environment.collect::<Result<_, Trouble>>()?;
        Ok(Launch { program, arguments: arguments.collect(), folder, environment })
    }

    /// Waits until the hub can be used.
    ///
    /// # Errors
    /// Where it ended, or did not show in time what it should.
    pub async fn ready(&self, process: &mut Option<Process>) -> Result<(), Trouble> {
        let (Life::Started(start), Some(process)) = (&self.file.life, process) else { return Ok(()) };
        let (sign, span) = match &start.ready {
            Ready::Http(url, status) => (Sign::Http(self.endpoint(url)?, *status), Some(url.span)),
            Ready::Tcp(place) => {
                let filled = self.fill(place)?;
                let place_there = if filled.contains(':') { filled } else { format!("127.0.0.1:{filled}") };
                (Sign::Tcp(place_there), Some(place.span))
            }
            Ready::Says(words) => (Sign::Says(words.clone()), None),
        };
        ready::wait(process, &sign, start.within).await.map_err(|failure| {
            let command = start.command.first().map(|program| program.span).unwrap_or_default();
            let help = match failure {
                process::Failure::Ended { .. } => "read what it said; try the command by hand",
                _ => {
                    "compare `ready` with the port and path that the hub really uses, or allow more time with `within`"
                }
            };
            let span = span.unwrap_or(command);
            Box::new(Diagnostic::error("T043", failure.to_string(), &self.file.source, span).help(help))
        })
    }

    /// Tells the hub about users and upstreams.
    ///
    /// # Errors
    /// The first step that failed.
    pub async fn provision(&self, process: Option<&Process>) -> Result<Kept, Trouble> {
        self.provisioner(process).run(&self.file.provision, Kept::default()).await
    }

    fn provisioner<'r>(&'r self, process: Option<&'r Process>) -> Provisioner<'r> {
        Provisioner {
            source: &self.file.source,
            folder: &self.file.folder,
            provision: self.provision,
            values: &self.values,
            context: &self.context,
            process,
        }
    }

    /// The hub's routes.
    ///
    /// # Errors
    /// A URL that is none.
    pub fn endpoints(&self) -> Result<std::collections::BTreeMap<String, Endpoint>, Trouble> {
        let mut endpoints = std::collections::BTreeMap::new();
        let reach = &self.file.reach;
        let mut add = |line: &Option<Spanned<String>>, placeholder: &str, name: &str| {
            let Some(line) = line else { return Ok(()) };
            let value = line.value.replace(&format!("{{{placeholder}}}"), name);
            let endpoint = self.endpoint(&Spanned::new(value, line.span))?;
            let (header, disguises) = (reach.header.clone(), self.disguises.clone());
            endpoints.insert(name.to_owned(), Endpoint { header, disguises, ..endpoint });
            Ok::<(), Trouble>(())
        };
        for upstream in self.provision.facts.scenario.upstreams.keys() {
            add(&reach.upstream, "upstream", upstream)?;
        }
        for group in self.provision.facts.scenario.groups.keys() {
            add(&reach.group, "group", group)?;
        }
        add(&reach.all, "all", grammar::ALL)?;
        Ok(endpoints)
    }

    fn endpoint(&self, url: &Spanned<String>) -> Result<Endpoint, Trouble> {
        let filled = self.fill(url)?;
        endpoint(&filled).map_err(|message| {
            let help = "write a whole URL: http://host:port/path";
            Box::new(Diagnostic::error("T044", message, &self.file.source, url.span).help(help))
        })
    }

    fn fill(&self, line: &Spanned<String>) -> Result<String, Trouble> {
        fill(&line.value, &self.values).map_err(|unknown| unfilled(&self.file.source, line.span, &unknown))
    }

    /// The room and the process in it, until the cell is over.
    pub fn into_guest(self, process: Option<Process>, kept: Kept) -> Guest {
        let farewell = match &self.file.life {
            Life::Started(start) => (start.signal, start.grace),
            Life::Running(_) => (rustix::process::Signal::TERM, Duration::ZERO),
        };
        Guest { process, farewell, folder: self.folder, port: self.port, values: self.values, kept }
    }
}

/// The tokens of real accounts, and the keys of this cell that stand for them.
fn disguises(file: &Program, provision: &Provision<'_>) -> Vec<Disguise> {
    let keys = &provision.facts.keys;
    let of_user = |(user, secret): (&String, &Secret)| {
        let mut of_clients = keys.iter().filter(|(actor, _)| actor.split('.').next() == Some(user.as_str()));
        Some(Disguise { shown: of_clients.next()?.1.clone(), secret: secret.clone() })
    };
    file.tokens.iter().filter_map(of_user).collect()
}

/// A line that asks for what is not there.
pub(super) fn unfilled(
    source: &crate::scenario::source::Source,
    span: Span,
    unknown: &super::file::fill::Unknown,
) -> Trouble {
    let help = match unknown.0.strip_prefix("env.") {
        Some(variable) => format!("set the environment variable {variable}"),
        None => "a hub with `url` has no `{port}`, and a capture is there only after its step".to_owned(),
    };
    Box::new(Diagnostic::error("T045", unknown.to_string(), source, span).help(help))
}

/// An HTTP URL as a place to connect to.
pub(super) fn endpoint(url: &str) -> Result<Endpoint, String> {
    let uri: http::Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
    let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(format!("`{url}` is no plain HTTP URL"));
    };
    let authority = match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:80"),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(Endpoint::at(&Wire::Tcp, &authority, path))
}

fn secret(seed: u64) -> String {
    let mut random = fake_upstreams::mark::seeded(seed, "the target's own secret");
    (0..32).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}
