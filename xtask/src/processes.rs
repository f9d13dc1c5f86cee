//! Servers that a task starts, and ends when it is done. Only these processes are ever ended.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// How long a server may take to say that it listens.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may take to stop.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Servers that run until this is dropped.
#[derive(Default)]
pub(crate) struct Processes(Vec<(&'static str, Child)>);

impl Processes {
    /// Starts a server and waits until it says where it listens; gives the URL that it said.
    pub(crate) fn launch(&mut self, name: &'static str, command: Command) -> anyhow::Result<String> {
        self.launch_writing(name, command, Stdio::null())
    }

    /// The same, with its standard output going there.
    pub(crate) fn launch_writing(
        &mut self,
        name: &'static str,
        mut command: Command,
        output: Stdio,
    ) -> anyhow::Result<String> {
        let child = command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("starting {name}"))?;
        let stderr = child.stderr.take();
        self.0.push((name, child));
        let stderr = stderr.context("standard error was piped")?;
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // After the address nobody listens; what a server says then belongs on the terminal.
                if tell.send(line.clone()).is_err() {
                    eprintln!("{line}");
                }
            }
        });
        let mut said = Vec::new();
        loop {
            match told.recv_timeout(PATIENCE) {
                Ok(line) => {
                    if let Some((_, url)) = line.split_once("listening on ") {
                        return Ok(url.trim().to_owned());
                    }
                    said.push(line);
                }
                Err(_) => bail!("{name} did not start:\n{}", said.join("\n")),
            }
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (name, child) in &mut self.0 {
            if let Err(error) = stop(child) {
                eprintln!("xtask: stopping {name}: {error:#}");
            }
        }
    }
}

/// Interrupts a server, and ends it where it does not listen.
fn stop(child: &mut Child) -> anyhow::Result<()> {
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let deadline = Instant::now() + LAST_WORDS;
    while interrupted.as_ref().is_ok_and(std::process::ExitStatus::success) && Instant::now() < deadline {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        thread::yield_now();
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}
