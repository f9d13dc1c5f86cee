//! The generator of load: told on standard input what to do, one order a line, and answering each with a line.
//!
//! ```text
//! run <target> <era> <clients> <calls>   so many calls over so many clients; answered with the nanoseconds they took
//! visit <target> <from> <to>             the users with these numbers open a session and leave; answered with 0
//! ```
//!
//! A line that begins with `error: ` says what went wrong.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, bail};
use hyper::Uri;
use tokio::task::JoinSet;

use super::client::Client;
use crate::stage::{Era, Shows, key, token, user};

/// Sessions that are being opened at once by `visit`.
const VISITORS: usize = 16;

/// Somewhere to call, and the clients that do.
struct Target {
    url: Uri,
    shows: Shows,
    /// By era.
    clients: BTreeMap<Era, Vec<Client>>,
}

/// Does what it is told until standard input ends. Targets are `name=url`.
///
/// # Errors
/// Where a target cannot be read, or nobody reads the answers.
pub async fn obey(targets: &[String]) -> anyhow::Result<()> {
    let mut known = BTreeMap::new();
    for target in targets {
        let (name, url) = target.split_once('=').context("write `name=url`")?;
        let shows = if name == "hub" { Shows::Key } else { Shows::Token };
        known.insert(name.to_owned(), Target { url: url.parse()?, shows, clients: BTreeMap::new() });
    }
    for line in io::stdin().lock().lines() {
        let answer = match order(&mut known, &line?).await {
            Ok(nanos) => nanos.to_string(),
            Err(error) => format!("error: {error:#}"),
        };
        writeln!(io::stdout(), "{answer}")?;
        io::stdout().flush()?;
    }
    Ok(())
}

async fn order(targets: &mut BTreeMap<String, Target>, line: &str) -> anyhow::Result<u128> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let name = words.get(1).copied().unwrap_or_default();
    let target = targets.get_mut(name).with_context(|| format!("no target `{name}`"))?;
    match words[..] {
        ["run", _, era, clients, calls] => target.run(era.parse()?, clients.parse()?, calls.parse()?).await,
        ["visit", _, from, to] => target.visit(from.parse()?..to.parse()?).await.map(|()| 0),
        _ => bail!("`{line}` is no order"),
    }
}

impl Target {
    async fn run(&mut self, era: Era, clients: usize, calls: u64) -> anyhow::Result<u128> {
        let mut ready = self.clients.remove(&era).unwrap_or_default();
        while ready.len() < clients {
            let number = ready.len();
            let bearer = self.bearer(number);
            ready.push(Client::open(&self.url, era, &bearer, token(user(number))).await?);
        }
        let left = Arc::new(AtomicU64::new(calls));
        let mut running = JoinSet::new();
        let began = Instant::now();
        for client in ready.drain(..clients) {
            running.spawn(call_while_any(client, left.clone()));
        }
        let mut back = Vec::new();
        while let Some(client) = running.join_next().await {
            back.push(client??);
        }
        let took = began.elapsed().as_nanos();
        ready.extend(back);
        self.clients.insert(era, ready);
        Ok(took)
    }

    async fn visit(&self, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
        let mut visitors = JoinSet::new();
        for number in numbers {
            if visitors.len() == VISITORS {
                visitors.join_next().await.context("there are visitors")???;
            }
            let (url, bearer) = (self.url.clone(), self.bearer(number));
            visitors.spawn(async move { Client::visit(&url, &bearer).await });
        }
        while let Some(visited) = visitors.join_next().await {
            visited??;
        }
        Ok(())
    }

    fn bearer(&self, number: usize) -> String {
        match self.shows {
            Shows::Key => key(user(number)),
            Shows::Token => token(user(number)),
        }
    }
}

/// Calls until as many were begun as there are to be, whoever's.
async fn call_while_any(mut client: Client, left: Arc<AtomicU64>) -> anyhow::Result<Client> {
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        client.call().await?;
    }
    Ok(client)
}
