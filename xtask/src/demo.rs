//! A hub with two fakes and two ready users, to try things out and to run the README's examples on.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use anyhow::{Context, bail, ensure};

use crate::{root, suite};

/// The hub's port unless another is asked for.
pub(crate) const PORT: u16 = 8931;
/// How long a server may take to say that it listens.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may take to stop.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// User and key.
pub(crate) const USERS: [(&str, &str); 2] = [("alice", "alice-demo-key-1"), ("bob", "bob-demo-key-1")];

/// Servers that run until this is dropped. Only these processes are ever ended.
pub(crate) struct Demo {
    /// Where the hub listens: `http://127.0.0.1:8931`.
    pub(crate) url: String,
    servers: Vec<(&'static str, Child)>,
}

impl Demo {
    /// Builds and starts everything; port 0 takes a free one.
    pub(crate) fn start(port: u16) -> anyhow::Result<Self> {
        let (fakes, hub) = (suite::build("fake-upstreams", "fake-upstreams")?, suite::build("hub", "hub")?);
        let mut demo = Self { url: String::new(), servers: Vec::new() };
        let mut upstreams = Vec::new();
        for kind in ["db", "github"] {
            let mut command = Command::new(&fakes);
            command.args(["serve", kind, "--port", "0", "--answers", "json"]);
            for (user, _) in USERS {
                command.args(["--account", &format!("{user}={user}-{kind}-token")]);
            }
            upstreams.push((kind, demo.launch("fake-upstreams", command)?));
        }
        let config = configuration(&hub, port, &upstreams)?;
        let mut command = Command::new(&hub);
        command.args(["serve", "--config"]).arg(&config).env("HUB_LOG", "warn");
        demo.url = demo.launch("hub", command)?;
        Ok(demo)
    }

    /// Starts a server and waits until it says where it listens.
    fn launch(&mut self, name: &'static str, mut command: Command) -> anyhow::Result<String> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("starting {name}"))?;
        let stderr = child.stderr.take();
        self.servers.push((name, child));
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
        let url = loop {
            match told.recv_timeout(PATIENCE) {
                Ok(line) => {
                    if let Some((_, url)) = line.split_once("listening on ") {
                        break url.trim().to_owned();
                    }
                    said.push(line);
                }
                Err(_) => bail!("{name} did not start:\n{}", said.join("\n")),
            }
        };
        Ok(url)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        for (name, child) in &mut self.servers {
            if let Err(error) = stop(child) {
                eprintln!("xtask: stopping {name}: {error:#}");
            }
        }
    }
}

/// Interrupts a server, and ends it where it does not listen.
fn stop(child: &mut Child) -> anyhow::Result<()> {
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let deadline = std::time::Instant::now() + LAST_WORDS;
    while interrupted.as_ref().is_ok_and(std::process::ExitStatus::success) && std::time::Instant::now() < deadline {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        thread::yield_now();
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn configuration(hub: &PathBuf, port: u16, upstreams: &[(&str, String)]) -> anyhow::Result<PathBuf> {
    let mut text = format!("listen: 127.0.0.1:{port}\nservers:\n");
    for (name, url) in upstreams {
        text.push_str(&format!("  {name}: {{ url: \"{url}\" }}\n"));
    }
    text.push_str("users:\n");
    for (user, key) in USERS {
        text.push_str(&format!(
            "  {user}:\n    keys: [{{ id: demo, sha256: \"{}\" }}]\n    credentials:\n",
            hash(hub, key)?
        ));
        for (name, _) in upstreams {
            text.push_str(&format!("      {name}: {{ bearer: {user}-{name}-token }}\n"));
        }
    }
    let folder = root().join("target/demo");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(format!("hub-{port}.yaml"));
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn hash(hub: &PathBuf, key: &str) -> anyhow::Result<String> {
    let mut child = Command::new(hub).arg("hash-key").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("standard input was piped")?.write_all(key.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "hub hash-key failed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs the demo until SIGINT.
pub(crate) fn run(port: u16) -> anyhow::Result<()> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let demo = Demo::start(port)?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, interrupted.clone())?;
    }
    println!("The hub listens on {}; routes /mcp/db and /mcp/github, and /mcp for both as one.", demo.url);
    for (user, key) in USERS {
        println!("  {user}: Authorization: Bearer {key}");
    }
    println!("The README's examples work as printed. Stop with Ctrl-C.");
    while !interrupted.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_millis(100));
    }
    drop(demo);
    println!("stopped");
    Ok(())
}
