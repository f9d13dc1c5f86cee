//! `fake-upstreams serve db`: a fake on its own, printing its ledger; `fake-upstreams stdio db`: the same as a process.
//!
//! The ledger is NDJSON, one entry a line. It goes to standard output, and where that is spoken on, to standard error;
//! everything a person reads goes to standard error. Exit codes: 0 stopped, 2 bad input, 3 could not run.

use std::{
    fs,
    io::{self, Write},
    num::NonZeroUsize,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use fake_upstreams::{
    Account, Answers, Conduct, Entry, Eras, Fake, Guard, Kind, Ledger, Script, Settings, Spoiling,
    stdio::{self, End},
};
use tokio::{net::TcpListener, signal};

/// Fake MCP servers that record every byte.
#[derive(Debug, Parser)]
#[command(name = "fake-upstreams", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves one fake on 127.0.0.1 and prints its ledger.
    Serve {
        #[command(flatten)]
        played: Played,
        /// Port on 127.0.0.1; 0 takes any free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Is one fake over standard input and output, a JSON-RPC message a line; its ledger goes to standard error.
    Stdio {
        #[command(flatten)]
        played: Played,
        /// The environment variable in which it finds its credential.
        #[arg(long, value_name = "NAME", default_value = stdio::CREDENTIAL)]
        credential_env: String,
    },
}

/// Which server is played, and how.
#[derive(Debug, clap::Args)]
struct Played {
    /// `db`, `github`, `jira` or `lab`.
    kind: Kind,
    /// YAML file that says what goes wrong, and when.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Somebody the server knows: `login=token`, or `login=token:read` for one who may not write, `:write` for one who may
    /// not move issues.
    #[arg(long, value_name = "LOGIN=TOKEN[:SCOPE]", value_parser = account)]
    account: Vec<Account>,
    /// Decides marks, session ids, answer forms and chunk borders.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// In which form requests are answered.
    #[arg(long, value_enum, default_value_t = Answers::Seeded)]
    answers: Answers,
    /// Which eras of the protocol it speaks.
    #[arg(long, value_enum, default_value_t = Eras::Both)]
    eras: Eras,
    /// Items on one page of a list; all of them where it is not given.
    #[arg(long)]
    page: Option<NonZeroUsize>,
    /// Asks everybody for an account's token, and lets a session answer to the account that opened it alone.
    #[arg(long)]
    guarded: bool,
    /// Makes a mistake that real servers make, for example `shared-state`.
    #[arg(long, value_name = "MISTAKE")]
    spoil: Option<Spoiling>,
    /// Prints no ledger: what a server writes can be read by others.
    #[arg(long)]
    quiet: bool,
    /// The root of the service that `jira` asks; its own, in this process, where it is not given.
    #[arg(long, value_name = "URL", value_parser = service)]
    service: Option<String>,
}

fn account(text: &str) -> Result<Account, String> {
    let (login, rest) = text.split_once('=').ok_or("write `login=token`, for example `alice=s3cret`")?;
    let (token, scope) = rest.split_once(':').unwrap_or((rest, "transition"));
    if login.is_empty() || token.is_empty() {
        return Err("login and token must not be empty".into());
    }
    let scopes = match scope {
        "read" => vec!["read".to_owned()],
        "write" => vec!["read".to_owned(), "write".to_owned()],
        "transition" => vec!["read".to_owned(), "write".to_owned(), "transition".to_owned()],
        other => {
            return Err(format!(
                "unknown scope `{other}`; there are `read`, `write` and `transition`, each with those before"
            ));
        }
    };
    Ok(Account { login: login.to_owned(), token: token.to_owned(), scopes, eras: None })
}

/// Loopback only: the token of whoever calls goes there.
fn service(url: &str) -> Result<String, String> {
    let uri: http::Uri =
        url.parse().map_err(|_| format!("`{url}` is no URL; write for example http://127.0.0.1:7100"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some("127.0.0.1" | "localhost" | "[::1]")) => Ok(url.to_owned()),
        _ => Err(format!("`{url}` is not on this machine; write for example http://127.0.0.1:7100")),
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve { played, port } => {
            played.fake(|entry| print(&mut io::stdout().lock(), &entry)).map(|(kind, fake)| serve(kind, fake, port))
        }
        Command::Stdio { played, credential_env } => {
            let fake = played.fake(|entry| print(&mut io::stderr().lock(), &entry));
            fake.map(|(_, fake)| be(fake, &credential_env))
        }
    };
    match outcome {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => say(3, &format!("{error:#}")),
        Err(error) => say(2, &format!("{error:#}")),
    }
}

impl Played {
    /// The fake, with its ledger printed by `print`.
    fn fake(self, print: impl Fn(Entry) + Send + Sync + 'static) -> anyhow::Result<(Kind, Arc<Fake>)> {
        let script = self.script.map(|path| read_script(&path, self.kind)).transpose()?;
        let settings = Settings {
            name: self.kind.to_string(),
            kind: self.kind,
            accounts: self.account,
            seed: self.seed,
            script: script.unwrap_or_default(),
            answers: self.answers,
            page: self.page.map(NonZeroUsize::get),
            service: self.service,
            eras: self.eras,
        };
        let guard = if self.guarded { Guard::Owners } else { Guard::ByKind };
        let ledger = if self.quiet { Ledger::new(|_| ()) } else { Ledger::new(print) };
        Ok((self.kind, Fake::behaving(settings, Conduct { guard, spoiling: self.spoil }, ledger)))
    }
}

fn read_script(path: &PathBuf, kind: Kind) -> anyhow::Result<Script> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Script::from_yaml(&text, kind).with_context(|| path.display().to_string())
}

#[expect(clippy::print_stderr, reason = "standard error is where a person reads")]
fn say(code: u8, message: &str) -> ExitCode {
    eprintln!("fake-upstreams: {message}");
    ExitCode::from(code)
}

#[tokio::main(flavor = "current_thread")]
async fn serve(kind: Kind, fake: Arc<Fake>, port: u16) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| {
        format!("cannot listen on 127.0.0.1:{port}; is the port in use? `--port 0` takes a free one")
    })?;
    say(0, &format!("{kind} listening on http://{}/mcp", listener.local_addr()?));
    fake_upstreams::serve(listener, fake, async {
        // Without a signal handler only a kill ends it; that is what waiting forever amounts to.
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
    .stopped()
    .await;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
async fn be(fake: Arc<Fake>, credential: &str) -> anyhow::Result<ExitCode> {
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
    let end = stdio::run(&fake, environment.collect(), credential, input, output).await;
    // At its end the runtime would wait for whoever reads standard input, which is never told that it need not.
    std::process::exit(match end {
        End::Left => 0,
        End::Crashed => 1,
    })
}

fn print(out: &mut impl Write, entry: &Entry) {
    // A reader who has gone wants no more lines; the server goes on.
    if let Ok(line) = serde_json::to_string(entry) {
        let _ = writeln!(out, "{line}");
    }
}
