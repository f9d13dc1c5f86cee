//! A run on a terminal: a line for each group as it is done, every failing scenario, and the sum.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use indexmap::IndexMap;

use super::{failure, group::Failing, tally::Tally};
use crate::{diagnostics::Style, run::CellReport, scenario::model::Scenario};

/// Scenarios that are drawn; the rest is listed.
const MOST_SCENARIOS: usize = 12;

/// What was called, for the head and for the lines that say how to do it again.
#[derive(Debug, Clone)]
pub struct Head {
    /// `reference`, and its isolation.
    pub target: String,
    /// What the target does not promise, so that it is not checked or only warned of.
    pub unpromised: Vec<&'static str>,
    /// The flags that make the same run, each after a space; the seed is left out.
    pub flags: String,
    /// The first seed.
    pub seed: u64,
    /// How many seeds.
    pub seeds: usize,
    /// How many scenarios and cells.
    pub planned: (usize, usize),
}

/// Writes a run as it goes.
pub struct Terminal<W> {
    out: W,
    style: Style,
    head: Head,
    tally: Tally,
    groups: BTreeMap<String, (u64, u64)>,
    current: Option<String>,
    failing: IndexMap<String, Failing>,
}

impl<W: Write> Terminal<W> {
    /// Begins with the head.
    ///
    /// # Errors
    /// What writing says.
    pub fn begin(mut out: W, style: Style, head: Head) -> io::Result<Self> {
        writeln!(out, "conformance {}   target {}   seed {}", env!("CARGO_PKG_VERSION"), head.target, head.seed)?;
        writeln!(out, "   Plan  {} scenarios, {} cells", head.planned.0, head.planned.1)?;
        if !head.unpromised.is_empty() {
            writeln!(out, "   Not promised  {}", head.unpromised.join("; "))?;
        }
        writeln!(out)?;
        Ok(Self {
            out,
            style,
            head,
            tally: Tally::default(),
            groups: BTreeMap::new(),
            current: None,
            failing: IndexMap::new(),
        })
    }

    /// One cell is done.
    ///
    /// # Errors
    /// What writing says.
    pub fn tell(&mut self, report: &CellReport) -> io::Result<()> {
        self.tally.add(report);
        let id = &report.scenario.id.value;
        let group = id.split('/').next().unwrap_or(id).to_owned();
        if self.current.as_ref().is_some_and(|current| *current != group) {
            self.end_group()?;
        }
        let passed = matches!(report.verdict.word(), "pass" | "warn" | "not-applicable");
        let counts = self.groups.entry(group.clone()).or_default();
        counts.0 += u64::from(passed);
        counts.1 += 1;
        self.current = Some(group);
        if Failing::tells(&report.verdict) {
            self.failing.entry(id.clone()).or_insert_with(|| Failing::of(report)).add(report);
        }
        Ok(())
    }

    fn end_group(&mut self) -> io::Result<()> {
        let Some(group) = self.current.take() else { return Ok(()) };
        if self.head.seeds > 1 {
            return Ok(()); // A line for each seed instead.
        }
        let (passed, all) = self.groups.remove(&group).unwrap_or_default();
        let word = if passed == all { "ok" } else { "FAILED" };
        writeln!(self.out, "  {group:<14} {passed:>4}/{all:<4} {word}")
    }

    /// One seed of several is done.
    ///
    /// # Errors
    /// What writing says.
    pub fn end_seed(&mut self, seed: u64) -> io::Result<()> {
        self.end_group()?;
        if self.head.seeds > 1 {
            writeln!(
                self.out,
                "  seed {seed:<8} {} passed, {} failed so far",
                self.tally.passed(),
                self.tally.failed()
            )?;
        }
        Ok(())
    }

    /// The run is over: every failing scenario, the sum, the last line.
    ///
    /// # Errors
    /// What writing says.
    pub fn end(mut self) -> io::Result<Tally> {
        self.end_group()?;
        let failing: Vec<Failing> = std::mem::take(&mut self.failing).into_values().collect();
        for scenario in failing.iter().take(MOST_SCENARIOS) {
            self.draw(scenario)?;
        }
        if failing.len() > MOST_SCENARIOS {
            writeln!(self.out, "\n   Also failing:")?;
            for scenario in &failing[MOST_SCENARIOS..] {
                let headline = scenario.findings.first().map_or("", |grouped| grouped.finding.headline.as_str());
                writeln!(self.out, "    {}: {headline}", scenario.scenario.id.value)?;
            }
        }
        writeln!(self.out)?;
        for line in self.tally.lines() {
            writeln!(self.out, "{line}")?;
        }
        writeln!(self.out, "\n{}", self.tally.last_line())?;
        self.out.flush()?;
        Ok(self.tally)
    }

    fn draw(&mut self, failing: &Failing) -> io::Result<()> {
        let seed = if failing.seed == 0 { String::new() } else { format!(" --seed {}", failing.seed) };
        let again = format!("{}{}{seed}", self.named(&failing.scenario), self.head.flags);
        failure::whole(&mut self.out, failing, self.style, &again)
    }

    /// How a scenario is named on a command line: one that was read from a file on its own, by that file.
    fn named<'s>(&self, scenario: &'s Scenario) -> &'s str {
        let built_in = scenario.source.path.starts_with("cases/") || self.head.flags.contains("--cases");
        if built_in { &scenario.id.value } else { &scenario.source.path }
    }
}
