//! `fake-upstreams serve db`: a fake on its own, printing its ledger.
//!
//! The ledger goes to standard output as NDJSON, one entry a line; everything a person reads goes to
//! standard error. Exit codes: 0 stopped, 2 bad input, 3 could not run.

use std::{fs, io::Write, num::NonZeroUsize, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use fake_upstreams::{Account, Answers, Conduct, Eras, Fake, Guard, Kind, Ledger, Script, Settings, Spoiling};
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
        /// `db`, `github`, `jira` or `lab`.
        kind: Kind,
        /// Port on 127.0.0.1; 0 takes any free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
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
    },
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
    let Command::Serve { kind, port, script, account, seed, answers, eras, page, guarded, spoil, quiet, service } =
        Cli::parse().command;
    let script = match script.map(|path| read_script(&path, kind)).transpose() {
        Ok(script) => script.unwrap_or_default(),
        Err(error) => return say(2, &format!("{error:#}")),
    };
    let settings = Settings {
        name: kind.to_string(),
        kind,
        accounts: account,
        seed,
        script,
        answers,
        page: page.map(NonZeroUsize::get),
        service,
        eras,
    };
    let guard = if guarded { Guard::Owners } else { Guard::ByKind };
    let ledger = if quiet { Ledger::new(|_| ()) } else { Ledger::new(print) };
    match run(settings, Conduct { guard, spoiling: spoil }, ledger, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(3, &format!("{error:#}")),
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
async fn run(settings: Settings, conduct: Conduct, ledger: Ledger, port: u16) -> anyhow::Result<()> {
    let kind = settings.kind;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| {
        format!("cannot listen on 127.0.0.1:{port}; is the port in use? `--port 0` takes a free one")
    })?;
    say(0, &format!("{kind} listening on http://{}/mcp", listener.local_addr()?));
    let fake = Fake::behaving(settings, conduct, ledger);
    fake_upstreams::serve(listener, fake, async {
        // Without a signal handler only a kill ends it; that is what waiting forever amounts to.
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
    .stopped()
    .await;
    Ok(())
}

fn print(entry: fake_upstreams::Entry) {
    // A reader who has gone wants no more lines; the server goes on.
    if let Ok(line) = serde_json::to_string(&entry) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}
