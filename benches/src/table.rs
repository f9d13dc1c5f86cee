//! The one table: what was measured, how far it varies, and whether it is as good as it should be.

use crate::{
    estimates::{Codec, Pool, SIZES, USERS},
    memory::{Memory, SESSIONS},
    relay::Relayed,
    spread::Spread,
    stage::Era,
};

/// Calls a second through the hub as a part of those through a proxy that only copies, at least.
const RELAY: f64 = 0.75;
/// Clients from which on that is asked for; one alone measures how long a call takes, not how many there can be.
const CROWD: usize = 16;
/// Kilobytes of an idle session, at most.
const SESSION: f64 = 12.0;
/// How much longer the pool may take with the most users than with one.
const POOL: f64 = 1.5;

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Cores and operating system.
    pub machine: String,
    /// Calls, by number of clients.
    pub relayed: Vec<Relayed>,
    /// Idle sessions.
    pub memory: Memory,
    /// The pool of upstream sessions.
    pub pool: Vec<Pool>,
    /// Messages.
    pub codec: Vec<Codec>,
}

struct Row {
    what: String,
    result: String,
    half: String,
    goal: String,
}

impl Row {
    fn new(what: impl Into<String>, result: impl Into<String>) -> Self {
        Self { what: what.into(), result: result.into(), half: String::new(), goal: String::new() }
    }

    fn half(self, whose: &str, spread: Spread, write: impl Fn(f64) -> String) -> Self {
        Self { half: format!("{whose}{} to {}", write(spread.low), write(spread.high)), ..self }
    }

    fn goal(self, goal: String, met: bool) -> Self {
        Self { goal: format!("{goal}: {}", if met { "met" } else { "**missed**" }), ..self }
    }
}

/// The table as Markdown, with a line before it about the machine.
pub fn markdown(measured: &Measured) -> String {
    let mut text = format!("Measured on {}.\n\n", measured.machine);
    text.push_str("| what | median | quartiles | goal |\n|---|---|---|---|\n");
    for Row { what, result, half, goal } in rows(measured) {
        text.push_str(&format!("| {what} | {result} | {half} | {goal} |\n"));
    }
    text
}

fn rows(measured: &Measured) -> Vec<Row> {
    let mut rows: Vec<Row> = measured.relayed.iter().flat_map(relay).collect();
    rows.extend(memory(measured.memory));
    rows.extend(measured.pool.iter().flat_map(pool));
    rows.extend(measured.codec.iter().map(codec));
    rows
}

fn relay(measured: &Relayed) -> [Row; 3] {
    let Relayed { era, clients, ratio, upstream, hub, proxy, hub_cpu, proxy_cpu } = measured;
    let without = if *era == Era::Stateless { " without sessions" } else { "" };
    let who = if *clients == 1 { format!("1 client{without}") } else { format!("{clients} clients{without}") };
    let first = Row::new(format!("{who}: calls through the hub / through a bare proxy"), part(ratio.median));
    let first = first.half("", *ratio, part);
    let [straight, through, bare] = [upstream, hub, proxy].map(|rate| thousands(rate.median));
    let rates = format!("straight {straight}, proxy {bare}, hub {through}");
    let [cpu, bare] = [hub_cpu, proxy_cpu].map(|cpu| time(cpu.median));
    [
        if *clients >= CROWD { first.goal(format!("≥ {RELAY}"), ratio.median >= RELAY) } else { first },
        Row::new(format!("{who}: calls a second"), rates).half("hub ", *hub, thousands),
        Row::new(format!("{who}: CPU of a call"), format!("proxy {bare}, hub {cpu}")).half("hub ", *hub_cpu, time),
    ]
}

fn memory(measured: Memory) -> [Row; 2] {
    let session = measured.kilobytes_a_session();
    let mebibytes = |bytes: u64| format!("{} MB", bytes >> 20);
    let whole = [measured.empty, measured.full[0], measured.full[1]].map(mebibytes).join(", ");
    let [few, many] = SESSIONS.map(count);
    [
        Row::new("an idle session", format!("{session:.1} KB")).goal(format!("≤ {SESSION} KB"), session <= SESSION),
        Row::new(format!("resident with 0, {few}, {many} sessions"), whole),
    ]
}

fn pool(measured: &Pool) -> Vec<Row> {
    let Pool { operation, tasks, times } = measured;
    let who = if *tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") };
    let users = USERS.map(count).join(", ");
    let all = times.map(|spread| time(spread.median)).join(", ");
    let operation = match *operation {
        "cold" => "hit by anybody",
        "known" => "left out, by anybody who knows where to look",
        "hit" => "hit by one of 64 active users",
        other => other,
    };
    let mut rows = vec![Row::new(format!("pool {operation}, {who}; {users} users"), all)];
    if ["hit", "cold", "known"].contains(&measured.operation) && *tasks == 1 {
        let grown = times[times.len() - 1].median / times[0].median;
        let most = USERS.last().copied().map(count).unwrap_or_default();
        let row = Row::new(format!("pool {operation}, {who}: {most} users / 1 user"), part(grown));
        rows.push(if measured.operation == "known" { row } else { row.goal(format!("≤ {POOL}"), grown <= POOL) });
    }
    rows
}

fn codec(measured: &Codec) -> Row {
    let sizes = SIZES.map(|size| format!("{} B", count(size))).join(", ");
    let what = match measured.operation {
        "read" => "a message is read",
        _ => "a message is read and gets another id and token",
    };
    Row::new(format!("{what}; {sizes} of arguments"), measured.times.map(|spread| time(spread.median)).join(", "))
}

fn part(value: f64) -> String {
    format!("{value:.2}")
}

/// Nanoseconds with three digits that count.
fn time(nanos: f64) -> String {
    let units = [(1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let (scale, unit) = units.into_iter().find(|(scale, _)| nanos >= *scale).unwrap_or((1.0, "ns"));
    let scaled = nanos / scale;
    let digits = if unit == "ns" || scaled >= 100.0 {
        0
    } else if scaled >= 10.0 {
        1
    } else {
        2
    };
    format!("{scaled:.digits$} {unit}")
}

/// Hundreds are as much as such a number means.
fn thousands(value: f64) -> String {
    format!("{:.1}k", value / 1000.0)
}

fn count(number: usize) -> String {
    let digits = number.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    grouped.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(median: f64) -> Spread {
        Spread { low: median * 0.95, median, high: median * 1.1 }
    }

    fn relayed(era: Era, clients: usize, ratio: f64) -> Relayed {
        Relayed {
            era,
            clients,
            ratio: spread(ratio),
            upstream: spread(20_000.0),
            hub: spread(10_000.0 * ratio),
            proxy: spread(10_000.0),
            hub_cpu: spread(81_234.0),
            proxy_cpu: spread(54_321.0),
        }
    }

    #[test]
    fn a_goal_that_is_missed_is_told_as_loudly_as_one_that_is_met() {
        let measured = Measured {
            machine: "2 cores, Linux x86_64, release build".into(),
            relayed: vec![
                relayed(Era::Stateful, 1, 0.5),
                relayed(Era::Stateful, 16, 0.8),
                relayed(Era::Stateless, 64, 0.7),
            ],
            memory: Memory { empty: 9 << 20, full: [21 << 20, 140 << 20] },
            pool: vec![
                Pool { operation: "hit", tasks: 1, times: [spread(200.0), spread(220.0), spread(350.0)] },
                Pool { operation: "evict", tasks: 8, times: [spread(900.0), spread(23_000.0), spread(4_500_000.0)] },
            ],
            codec: vec![Codec { operation: "readdress", times: [spread(812.0), spread(12_345.0)] }],
        };
        insta::assert_snapshot!(markdown(&measured));
    }
}
