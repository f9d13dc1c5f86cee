//! A target's process: started in a group of its own, listened to, ended by the group's id.

use std::{
    collections::{BTreeSet, VecDeque},
    future::Future,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::Notify,
    task::JoinHandle,
    time,
};

use crate::trace::{Event, recorder::Recorder};

/// Lines of output that an error shows.
const SHOWN: usize = 20;
/// How long output may be waited for once its process is gone: a grandchild may hold the pipe.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Groups that run now, so that an interrupted run leaves nobody behind.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program: a name to be found in `PATH`, or a path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where it is started.
    pub folder: PathBuf,
    /// What its environment has besides ours.
    pub environment: Vec<(String, String)>,
}

/// A program as it is started: a name with a slash begins at `folder`, any other is looked for in `PATH`.
pub fn located(folder: &Path, program: &str) -> PathBuf {
    if !program.contains('/') {
        return program.into();
    }
    std::path::absolute(folder.join(program)).unwrap_or_else(|_| program.into())
}

/// Why a process does not run, or does no longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It could not be started at all.
    #[error("`{program}` cannot be started: {reason}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// It ended by itself.
    #[error("it ended by itself with {status}{}", shown(said))]
    Ended {
        /// How.
        status: String,
        /// Its last lines.
        said: Vec<String>,
    },
    /// It runs and is not ready.
    #[error("it was not ready within {} s: {reason}{}", within.as_secs_f32(), shown(said))]
    NotReady {
        /// What was waited for, and what came instead.
        reason: String,
        /// How long that was tried.
        within: Duration,
        /// Its last lines.
        said: Vec<String>,
    },
}

fn shown(said: &[String]) -> String {
    if said.is_empty() {
        return "; it said nothing".to_owned();
    }
    format!("; its last lines:\n    | {}", said.join("\n    | "))
}

/// A process that runs. Dropped, its whole group is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
    said: Arc<Said>,
    readers: Vec<JoinHandle<()>>,
}

/// What it has said so far.
#[derive(Debug, Default)]
struct Said {
    last: Mutex<Lines>,
    news: Notify,
}

/// The last lines, and how many there were in all.
#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    written: u64,
}

impl Lines {
    /// Those that are kept and came after so many others.
    fn after(&self, earlier: u64) -> impl Iterator<Item = &String> {
        let new = usize::try_from(self.written.saturating_sub(earlier)).unwrap_or(usize::MAX);
        self.kept.iter().skip(self.kept.len().saturating_sub(new))
    }
}

impl Process {
    /// Starts it. Every line that it writes becomes a part of the trace.
    ///
    /// # Errors
    /// [`Failure::Start`].
    pub fn start(launch: &Launch, recorder: &Recorder) -> Result<Self, Failure> {
        let failed = |reason: String| Failure::Start { program: launch.program.clone(), reason };
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).current_dir(&launch.folder).envs(launch.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = group.ok_or_else(|| failed("it was gone at once".to_owned()))?;
        groups().insert(group.as_raw_nonzero().get());
        let said = Arc::new(Said::default());
        let mut readers = Vec::new();
        readers.extend(child.stdout.take().map(|out| tokio::spawn(listen(out, recorder.clone(), said.clone()))));
        readers.extend(child.stderr.take().map(|err| tokio::spawn(listen(err, recorder.clone(), said.clone()))));
        Ok(Self { child, group, said, readers })
    }

    /// Its number.
    pub fn id(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// How many lines it has written so far.
    pub fn written(&self) -> u64 {
        self.said.lock().written
    }

    /// Resolves when it has written a line with these words in it after so many others; it may have done so already.
    pub fn says(&self, words: &str, earlier: u64) -> impl Future<Output = ()> + use<> {
        let (said, words) = (self.said.clone(), words.to_owned());
        async move {
            loop {
                let news = said.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if said.lock().after(earlier).any(|line| line.contains(&words)) {
                    return;
                }
                news.await;
            }
        }
    }

    /// Its last lines, oldest first.
    pub fn last_lines(&self) -> Vec<String> {
        let last = self.said.lock();
        last.kept.iter().skip(last.kept.len().saturating_sub(SHOWN)).cloned().collect()
    }

    /// Resolves when it ends by itself.
    pub async fn ended(&mut self) -> Failure {
        let status = self.child.wait().await;
        self.drain().await;
        Failure::Ended { status: in_words(status), said: self.last_lines() }
    }

    /// Asks it to end, and ends it where it does not within `within`. Afterwards everything it said is recorded.
    pub async fn stop(mut self, signal: Signal, within: Duration) -> Stopped {
        // An error means that nobody of the group is left.
        let _ = kill_process_group(self.group, signal);
        let stopped = match time::timeout(within, self.child.wait()).await {
            Ok(status) => Stopped::ByItself { status: in_words(status) },
            Err(_) => Stopped::Killed,
        };
        self.end();
        if stopped == Stopped::Killed {
            let _ = self.child.wait().await;
        }
        self.drain().await;
        stopped
    }

    async fn drain(&mut self) {
        for mut reader in self.readers.drain(..) {
            if time::timeout(LAST_WORDS, &mut reader).await.is_err() {
                reader.abort();
            }
        }
    }

    /// Kills whoever is left of the group.
    fn end(&self) {
        let _ = kill_process_group(self.group, Signal::KILL);
        groups().remove(&self.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A group that `stop` has ended is in the list no more, and its number may be somebody else's by now.
        if groups().contains(&self.id()) {
            self.end();
        }
    }
}

/// How a process that was asked to end did end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It did as it was asked.
    ByItself {
        /// With which status.
        status: String,
    },
    /// It had to be killed.
    Killed,
}

/// Ends every process that was started and not stopped: for whoever interrupts a run.
pub fn end_all() {
    for group in std::mem::take(&mut *groups()) {
        if let Some(group) = Pid::from_raw(group) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Said {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: String) {
        const KEPT: usize = 500;
        let mut last = self.lock();
        if last.kept.len() == KEPT {
            last.kept.pop_front();
        }
        last.kept.push_back(line);
        last.written += 1;
        drop(last);
        self.news.notify_waiters();
    }
}

fn in_words(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

async fn listen(pipe: impl AsyncRead + Unpin, recorder: Recorder, said: Arc<Said>) {
    let mut pipe = BufReader::new(pipe);
    let mut bytes = Vec::new();
    // A pipe that breaks has nothing more to tell.
    while pipe.read_until(b'\n', &mut bytes).await.is_ok_and(|read| read > 0) {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        bytes.clear();
        recorder.record(Event::Log { line: line.clone() });
        said.add(line);
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::test_kill_process;

    use super::*;

    fn launch(script: &str) -> Launch {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        Launch { program: "sh".to_owned(), arguments, folder: "/".into(), environment: Vec::new() }
    }

    #[tokio::test]
    async fn what_a_process_started_itself_ends_with_it() {
        let recorder = Recorder::default();
        let process = Process::start(&launch("sleep 600 & echo child $!; wait"), &recorder).unwrap();
        process.says("child", 0).await;
        let line = process.last_lines().pop().unwrap();
        let child = Pid::from_raw(line.split_whitespace().last().unwrap().parse().unwrap()).unwrap();
        assert!(test_kill_process(child).is_ok());
        process.stop(Signal::TERM, Duration::from_secs(20)).await;
        // Its parent is gone; whoever adopted it may still have to take note of its end.
        assert!(gone(child).await);
        assert!(recorder.peek(|events| events.contains(&Event::Log { line })));
    }

    #[tokio::test]
    async fn one_that_does_not_listen_is_killed() {
        let process = Process::start(&launch("trap '' TERM; echo deaf; sleep 600"), &Recorder::default()).unwrap();
        process.says("deaf", 0).await;
        assert_eq!(process.stop(Signal::TERM, Duration::from_millis(50)).await, Stopped::Killed);
    }

    async fn gone(process: Pid) -> bool {
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
        let check = async {
            while state().is_ok_and(|stat| !stat.contains(") Z ")) {
                tokio::task::yield_now().await;
            }
        };
        time::timeout(Duration::from_secs(20), check).await.is_ok()
    }
}
