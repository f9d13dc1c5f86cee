//! Which bug classes of the registry are covered: by scenarios that say that they see one, and by defects of the
//! reference hub that are instances of one and show that they do.

use std::{fmt::Write as _, sync::Arc};

use crate::{
    registry::{Bug, Registry},
    scenario::model::Scenario,
    target::reference,
};

/// One bug class, and who covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'r> {
    /// Its id in the registry.
    pub class: &'r str,
    /// What the registry says of it.
    pub bug: &'r Bug,
    /// Scenarios that name it, by id.
    pub scenarios: Vec<&'r str>,
    /// Defects of the reference hub that are instances of it.
    pub defects: Vec<String>,
}

/// Every class of the registry, in its order.
pub fn rows<'r>(registry: &'r Registry, scenarios: &'r [Arc<Scenario>]) -> Vec<Row<'r>> {
    let defects = reference::defects();
    let of =
        |class: &str| defects.iter().filter(|defect| defect.class == class).map(|defect| defect.name.clone()).collect();
    let seen_by = |class: &str| {
        let naming = scenarios.iter().filter(|scenario| scenario.bugs.iter().any(|bug| bug.value == class));
        naming.map(|scenario| scenario.id.value.as_str()).collect()
    };
    let row = |(class, bug): (&'r String, &'r Bug)| Row { class, bug, scenarios: seen_by(class), defects: of(class) };
    registry.bugs.iter().map(row).collect()
}

/// How many are covered, in a sentence.
pub fn summary(rows: &[Row<'_>]) -> String {
    let seen = rows.iter().filter(|row| !row.scenarios.is_empty()).count();
    let shown = rows.iter().filter(|row| !row.defects.is_empty()).count();
    format!("{} classes: {seen} named by a scenario, {shown} with a defect of the reference hub", rows.len())
}

/// The rows as a table in Markdown.
pub fn markdown(rows: &[Row<'_>]) -> String {
    let mut out = String::from(
        "| class | harm | what happens, and where it did | scenarios | defects |\n|---|---|---|---|---|\n",
    );
    for row in rows {
        let code = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ");
        let defects: Vec<&str> = row.defects.iter().map(String::as_str).collect();
        let (Bug { title, harm, seen }, class) = (row.bug, row.class);
        let what = format!("{title} *{seen}*");
        let (scenarios, defects) = (code(&row.scenarios), code(&defects));
        writeln!(out, "| `{class}` | {harm} | {what} | {scenarios} | {defects} |").expect("a string takes everything");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;

    #[test]
    fn every_defect_is_an_instance_of_a_class_that_a_scenario_names() {
        let registry = Registry::embedded();
        let library = Library::embedded(&registry);
        let rows = rows(&registry, &library.scenarios);
        for defect in reference::defects() {
            let row = rows.iter().find(|row| row.class == defect.class);
            let row = row.unwrap_or_else(|| panic!("{}: no class {} in the registry", defect.name, defect.class));
            assert!(!row.scenarios.is_empty(), "{}: no scenario names {}", defect.name, defect.class);
        }
    }
}
