//! Children that a hub starts: this test program itself, started once more as a fake upstream.
//!
//! Each child holds one connection to its test for as long as it lives and tells on it who it is and everything that
//! arrives; when the connection ends, the process has ended.
use std::{collections::BTreeMap, env, io::Write, net::TcpStream, sync::Arc, time::Duration};

use fake_upstreams::{Eras, Fake, Kind, Ledger, Script, Settings, stdio};
use hub::{Config, Environment, Hub, HubHandle};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::{TcpListener, tcp::OwnedReadHalf},
    sync::oneshot,
};

use crate::running::{ALICE, BOB, settings};

/// How long an event may take that has to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// The line that a child which complains writes to its standard error, with its credential after it.
pub(crate) const COMPLAINT: &str = "this is what the child complains of";

/// A hub whose server `db` is a child, and what its children tell.
pub(crate) struct Nursery {
    pub(crate) hub: String,
    births: TcpListener,
    handle: HubHandle,
    stop: oneshot::Sender<()>,
}

/// A child, as its test knows it.
pub(crate) struct Born {
    pub(crate) pid: i32,
    /// Its whole environment.
    pub(crate) environment: BTreeMap<String, String>,
    told: Lines<BufReader<OwnedReadHalf>>,
}

impl Nursery {
    /// A hub with the users alice and bob; `conduct` is how its children behave.
    pub(crate) async fn open(era: &str, conduct: &str) -> Self {
        let births = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let program = env::current_exe().unwrap();
        let user = |name: &str, key: &str| {
            let sha256: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
            let credentials = json!({ "db": { "bearer": format!("{name}-token") } });
            json!({ "keys": [{ "id": "k", "sha256": sha256 }], "credentials": credentials })
        };
        let server = json!({
            // Its output before the first message is none: that is passed over.
            "command": [program, "children::is_a_child", "--exact", "--ignored", "--nocapture", "--quiet", "--test-threads=2"],
            "env": { "LIFELINE": births.local_addr().unwrap().to_string(), "CONDUCT": conduct, "ERA": era },
            "credential-env": stdio::CREDENTIAL,
            "era": era,
        });
        let config = json!({
            "servers": { "db": server },
            "users": { "alice": user("alice", ALICE), "bob": user("bob", BOB) },
        });
        let config = Config::from_yaml(&config.to_string(), "test").unwrap();
        let hub = Hub::new(config, Environment::system()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let handle = hub::serve(listener, hub, async move { drop(stopped.await) });
        Self { hub: url, births, handle, stop }
    }

    /// The next child that is started.
    pub(crate) async fn born(&self) -> Born {
        let (stream, _) = in_time(self.births.accept()).await.unwrap();
        let mut told = BufReader::new(stream.into_split().0).lines();
        let first = in_time(told.next_line()).await.unwrap().unwrap();
        let (pid, environment) = serde_json::from_str(&first).unwrap();
        Born { pid, environment, told }
    }

    /// Stops the hub and waits until it has.
    pub(crate) async fn close(self) {
        self.stop.send(()).unwrap();
        in_time(self.handle.stopped()).await;
    }
}

impl Born {
    /// What the child has written down next; `None` when it has ended.
    pub(crate) async fn told(&mut self) -> Option<Value> {
        let line = in_time(self.told.next_line()).await.ok()??;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// Waits until it writes down something that this finds in it.
    pub(crate) async fn tells<T>(&mut self, find: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            let told = self.told().await.expect("it lives");
            if let Some(found) = find(&told) {
                return found;
            }
        }
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) {
        while self.told().await.is_some() {}
    }

    /// Kills it, as an operating system would that is short of memory.
    pub(crate) fn kill(&self) {
        rustix::process::kill_process(self.process(), rustix::process::Signal::KILL).unwrap();
    }

    /// Whether anything is left of it, be it a zombie.
    pub(crate) fn is_left(&self) -> bool {
        rustix::process::test_kill_process(self.process()).is_ok()
    }

    fn process(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(self.pid).unwrap()
    }
}

async fn in_time<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.expect("it takes too long")
}

#[test]
#[ignore = "it is started by other tests"]
fn is_a_child() {
    let Ok(lifeline) = env::var("LIFELINE") else { return };
    let environment: BTreeMap<String, String> = env::vars().collect();
    let lifeline = TcpStream::connect(lifeline).unwrap();
    writeln!(&lifeline, "{}", json!([std::process::id(), environment])).unwrap();
    let conduct = environment.get("CONDUCT").map(String::as_str).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if conduct == "complains" {
            let complaint = format!("{COMPLAINT} {}\n", environment[stdio::CREDENTIAL]);
            std::io::stderr().write_all(complaint.repeat(1 << 14).as_bytes()).unwrap();
        }
        let _deaf = (conduct == "stubborn")
            .then(|| tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap());
        stdio::run(&fake(lifeline), environment.clone(), stdio::CREDENTIAL, tokio::io::stdin(), tokio::io::stdout())
            .await;
        if conduct == "stubborn" {
            std::future::pending::<()>().await;
        }
    });
    std::process::exit(0);
}

fn fake(lifeline: TcpStream) -> Arc<Fake> {
    let eras = match env::var("ERA").as_deref() {
        Ok("stateful") => Eras::Stateful,
        Ok("stateless") => Eras::Stateless,
        _ => Eras::Both,
    };
    let script = Script::from_yaml("rules:\n  - tool: query\n    hold: true\n", Kind::Db).unwrap();
    let settings = Settings { script, eras, ..settings(Kind::Db) };
    let tell = move |entry| writeln!(&lifeline, "{}", serde_json::to_string(&entry).unwrap()).unwrap();
    Fake::new(settings, Ledger::new(tell))
}
