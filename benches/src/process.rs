//! A process that is measured: started, asked what it used, ended. Only processes started here are ever ended.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, bail};

/// How long a server may take to say that it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process, ended when this is dropped.
#[derive(Debug)]
struct Running {
    name: &'static str,
    child: Child,
}

/// A server that said where it listens.
#[derive(Debug)]
pub struct Server {
    /// `http://127.0.0.1:1234`, with a path where it told one.
    pub url: String,
    running: Running,
}

/// A process that obeys, one line for a line.
#[derive(Debug)]
pub struct Servant {
    running: Running,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server and waits until it says `listening on <url>` on standard error.
    ///
    /// # Errors
    /// Where it does not, with what it said instead.
    pub fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut running = Running::start(name, command)?;
        let stderr = running.child.stderr.take().context("standard error was piped")?;
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            // Read to the end, whether anybody listens or not: a full pipe would hold the server up.
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        let mut said = Vec::new();
        while let Ok(line) = told.recv_timeout(PATIENCE) {
            if let Some((_, url)) = line.split_once("listening on ") {
                return Ok(Self { url: url.trim().to_owned(), running });
            }
            said.push(line);
        }
        bail!("{name} did not start:\n{}", said.join("\n"))
    }

    /// CPU time of all its threads so far, in nanoseconds.
    ///
    /// # Errors
    /// Where the kernel does not tell it.
    pub fn cpu(&self) -> anyhow::Result<u64> {
        let tasks = format!("/proc/{}/task", self.running.child.id());
        let mut nanos = 0;
        for task in fs::read_dir(&tasks).with_context(|| format!("{}: {tasks}", self.running.name))? {
            // A thread that ended meanwhile was one that waited; those that work live as long as the process.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            let first = text.split(' ').next().and_then(|first| first.parse::<u64>().ok());
            nanos += first.with_context(|| format!("schedstat says `{text}`"))?;
        }
        Ok(nanos)
    }

    /// Memory that is resident, in bytes.
    ///
    /// # Errors
    /// Where the kernel does not tell it.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.running.child.id());
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().with_context(|| line.to_owned())?;
        Ok(kibibytes * 1024)
    }
}

impl Servant {
    /// Starts it.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(name, command)?;
        let orders = running.child.stdin.take().context("standard input was piped")?;
        let answers = running.child.stdout.take().context("standard output was piped")?;
        Ok(Self { running, orders, answers: BufReader::new(answers) })
    }

    /// Gives an order and waits for the answer, which is a number.
    ///
    /// # Errors
    /// What the process says went wrong.
    pub fn order(&mut self, order: &str) -> anyhow::Result<u64> {
        writeln!(self.orders, "{order}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        answer.trim().parse().with_context(|| format!("{}: `{order}`: {}", self.running.name, answer.trim()))
    }
}

impl Running {
    fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        Ok(Self { name, child: command.spawn().with_context(|| format!("starting {name}"))? })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
