//! What the official suite found, as a table of setups and one of scenarios.

use std::collections::BTreeSet;

use super::{
    clients::Between,
    play::{Score, Scores},
    setups::Setup,
};

/// The tables, and a line of what a cell means.
pub(super) fn render(columns: &[(Setup, Scores)], client_half: &[(Between, Scores)]) -> String {
    let mut out = summary(columns);
    out.push_str("\n| setup | scenarios without a failure | checks passed | checks failed | vacuous | warnings |\n|---|---|---|---|---|---|\n");
    for (setup, scores) in columns {
        let sum = |count: fn(&Score) -> usize| scores.values().map(count).sum::<usize>();
        let fine = scores.values().filter(|score| score.failed() == 0).count();
        let vacuous = scores.values().filter(|score| score.is_vacuous()).count();
        out.push_str(&format!(
            "| {} | {fine} of {} | {} | {} | {vacuous} | {} |\n",
            setup.title(),
            scores.len(),
            sum(Score::passed),
            sum(Score::failed),
            sum(Score::warned),
        ));
    }
    out.push_str("\nAnd as a client, of the servers that the suite plays:\n\n");
    let client_half: Vec<(String, &Scores)> =
        client_half.iter().map(|(between, scores)| (between.title(), scores)).collect();
    out.push_str(&scenarios(&client_half));
    out.push_str("\n<details><summary>Every scenario</summary>\n\n");
    out.push_str(
        "A cell says how many checks passed; `3/5` that three of five did, `vacuous` that nothing was judged but the shape of\n\
         messages, `w1` that one warned, and `–` that the revision does not have the scenario.\n\n",
    );
    let columns: Vec<(String, &Scores)> = columns.iter().map(|(setup, scores)| (setup.title(), scores)).collect();
    out.push_str(&scenarios(&columns));
    out.push_str("\n</details>\n");
    out
}

fn summary(columns: &[(Setup, Scores)]) -> String {
    let all = columns.iter().flat_map(|(_, scores)| scores.values());
    let (passed, failed) = all.fold((0, 0), |(passed, failed), score| match score.failed() {
        0 => (passed + 1, failed),
        _ => (passed, failed + 1),
    });
    format!("{} setups, {passed} passed, {failed} failed\n", columns.len())
}

fn scenarios(columns: &[(String, &Scores)]) -> String {
    let mut out = String::from("| scenario |");
    for (title, _) in columns {
        out.push_str(&format!(" {title} |"));
    }
    out.push_str(&format!("\n|---|{}\n", "---|".repeat(columns.len())));
    let names: BTreeSet<&String> = columns.iter().flat_map(|(_, scores)| scores.keys()).collect();
    for name in names {
        let cells: Vec<String> = columns.iter().map(|(_, scores)| cell(scores.get(name))).collect();
        out.push_str(&format!("| `{name}` | {} |\n", cells.join(" | ")));
    }
    out
}

fn cell(score: Option<&Score>) -> String {
    let Some(score) = score else { return "–".to_owned() };
    let (passed, failed, warned) = (score.passed(), score.failed(), score.warned());
    let mut cell = match failed {
        _ if score.is_vacuous() => "vacuous".to_owned(),
        0 => passed.to_string(),
        _ => format!("**{passed}/{}**", passed + failed),
    };
    if warned > 0 {
        cell.push_str(&format!(" w{warned}"));
    }
    cell
}
