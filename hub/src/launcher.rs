//! How a child process is started and ended: the way to servers that are spoken to over stdin and stdout.
//!
//! A child gets the environment that it is given and nothing else. It leads a process group of its own, so that whatever
//! it has started ends with it, and a key pressed in the hub's terminal does not reach it.

use std::{collections::BTreeMap, ffi::OsString, fmt, future::Future, io, pin::Pin, process::Stdio};

use tokio::io::{AsyncRead, AsyncWrite};

/// What is to be started.
#[derive(Clone)]
pub struct Program {
    /// The program and its arguments. A program without a slash is looked for in the `PATH` that it is given, or without
    /// one in the usual places.
    pub words: Vec<String>,
    /// Its whole environment.
    pub variables: BTreeMap<String, OsString>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.variables.keys().collect(); // Values may be credentials.
        f.debug_struct("Program").field("words", &self.words).field("variables", &names).finish()
    }
}

/// A child that runs.
pub struct Launched {
    /// Its standard input.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its standard output.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// Its standard error.
    pub errors: Box<dyn AsyncRead + Send + Unpin>,
    /// The process itself. Dropped, it is killed.
    pub process: Box<dyn Process>,
}

impl fmt::Debug for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Launched")
    }
}

/// Resolves to how a process has ended, in words for the log.
pub type Exit<'p> = Pin<Box<dyn Future<Output = String> + Send + 'p>>;

/// A process that was started.
pub trait Process: Send + 'static {
    /// Waits for its end, after which nothing of it is left. Whoever stops waiting may wait again.
    fn exited(&mut self) -> Exit<'_>;

    /// Asks it to end, and everything that it has started.
    fn terminate(&mut self);

    /// Ends it, and everything that it has started.
    fn kill(&mut self);
}

/// The way to start child processes.
pub trait Launch: Send + Sync + 'static {
    /// Starts one.
    ///
    /// # Errors
    /// Where there is no such program, or it cannot be run.
    fn launch(&self, program: Program) -> io::Result<Launched>;
}

/// Processes of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct Processes;

impl Launch for Processes {
    fn launch(&self, program: Program) -> io::Result<Launched> {
        let (first, rest) = program.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = tokio::process::Command::new(first);
        command.args(rest).env_clear().envs(program.variables).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let group = child.id();
        let process = Box::new(Running { child, group });
        Ok(Launched { input: Box::new(input), output: Box::new(output), errors: Box::new(errors), process })
    }
}

struct Running {
    child: tokio::process::Child,
    /// Its process group, which has its number.
    group: Option<u32>,
}

impl Process for Running {
    fn exited(&mut self) -> Exit<'_> {
        Box::pin(async move {
            match self.child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            }
        })
    }

    #[cfg(unix)]
    fn terminate(&mut self) {
        self.signal(rustix::process::Signal::TERM);
    }

    #[cfg(not(unix))]
    fn terminate(&mut self) {
        self.kill();
    }

    fn kill(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _ = self.child.start_kill();
        #[cfg(unix)]
        self.signal(rustix::process::Signal::KILL);
    }
}

#[cfg(unix)]
impl Running {
    /// To everything in its group. The group keeps its number for as long as anything is left in it, the child or not.
    fn signal(&self, signal: rustix::process::Signal) {
        let group = self.group.and_then(|group| rustix::process::Pid::from_raw(group.try_into().ok()?));
        if let Some(group) = group {
            // Nothing is left in it where this fails.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}
