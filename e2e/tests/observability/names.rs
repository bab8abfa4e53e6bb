//! Each metric that a dashboard, a rule or a document names exists, and each that exists is
//! documented and shown.

use crate::queries::selectors;
use crate::shipped::{file, queries, recorded, root, rules, text};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where the metrics are listed. A test of the servers compares it with the code.
const LIST: &str = "docs/metrics.md";

/// Names that begin like a metric's and are none: our crates, in filters of the log.
const CRATES: [&str; 3] = ["backscroll_primary", "backscroll_secondary", "backscroll_shared"];

/// The endings that a histogram's series have.
const OF_HISTOGRAMS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Metrics that no panel shows, and why.
const NOT_SHOWN: &[(&str, &str)] = &[];

/// The metrics that are documented: the names, and what each is (`counter`, `gauge`, `histogram`).
pub(crate) fn documented() -> BTreeMap<String, String> {
    let list = file(LIST);
    let rows = list.lines().filter_map(|line| line.strip_prefix("| `"));
    let metrics: BTreeMap<String, String> = rows
        .filter(|row| row.starts_with("backscroll_") || row.starts_with("process_"))
        .map(|row| {
            let (name, rest) = row.split_once('`').unwrap();
            let kind = rest.split('|').nth(1).unwrap_or_default().trim();
            (name.to_owned(), kind.split(' ').next().unwrap_or_default().to_owned())
        })
        .collect();
    assert!(metrics.len() >= 40, "{LIST}: {} metrics", metrics.len());
    metrics
}

/// The metric that a series is of.
pub(crate) fn metric<'s>(series: &'s str, documented: &BTreeMap<String, String>) -> &'s str {
    let base = OF_HISTOGRAMS.iter().find_map(|ending| series.strip_suffix(ending));
    let of_histogram = |base: &&str| documented.get(*base).is_some_and(|kind| kind == "histogram");
    base.filter(of_histogram).unwrap_or(series)
}

/// The words of a text that may be metrics of ours.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
    words.filter(|word| word.starts_with("backscroll_") && !word.ends_with('_') && !CRATES.contains(word))
}

/// Files below a folder of the repository that have one of these endings.
fn files_below(folder: &str, endings: &[&str]) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
                let path = path.strip_prefix(root()).unwrap_or(&path);
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn every_metric_that_a_document_a_rule_or_the_dashboard_names_exists() {
    let (documented, recorded) = (documented(), recorded());
    let mut unknown = BTreeSet::new();
    let mut check = |place: &str, name: &str| {
        if !documented.contains_key(metric(name, &documented)) && !recorded.contains(name) {
            unknown.insert(format!("{place}: {name}"));
        }
    };
    let mut files = files_below("docs", &["md", "yaml"]);
    files.extend(files_below("deploy", &["md", "yml", "yaml", "json", "env"]));
    files.extend(["README.md", "ARCHITECTURE.md", "SECURITY.md", "docker-compose.yml"].map(str::to_owned));
    assert!(files.iter().any(|path| Path::new(path).ends_with("rules.test.yml")), "{files:?}");
    for path in &files {
        let text = file(path);
        words(&text).for_each(|word| check(path, word));
    }
    // Here also those that begin otherwise.
    let asked = queries().into_iter().chain(rules().into_iter().map(|rule| {
        let name = rule["alert"].as_str().or(rule["record"].as_str()).unwrap();
        (name.to_owned(), text(&rule["expr"]).to_owned())
    }));
    for (place, query) in asked {
        for selector in selectors(&query) {
            if !["up", "ALERTS"].contains(&selector.name.as_str()) {
                check(&place, &selector.name);
            }
        }
    }
    assert!(unknown.is_empty(), "not in {LIST}: {unknown:#?}");
}

#[test]
fn the_dashboard_shows_every_metric() {
    let documented = documented();
    let shown: BTreeSet<String> = queries()
        .iter()
        .flat_map(|(_, query)| selectors(query))
        .map(|selector| metric(&selector.name, &documented).to_owned())
        .collect();
    let missing: Vec<&String> = documented
        .keys()
        .filter(|name| !shown.contains(*name) && NOT_SHOWN.iter().all(|(listed, _)| listed != name))
        .collect();
    assert!(missing.is_empty(), "on no panel: {missing:?}");
    let stale: Vec<_> = NOT_SHOWN.iter().filter(|(name, _)| shown.contains(*name)).collect();
    assert!(stale.is_empty(), "shown all the same: {stale:?}");
}

#[test]
fn words_that_may_be_metrics_are_told_from_others() {
    let text =
        "`backscroll_up`, backscroll_primary=debug, `backscroll_*`, job:backscroll_x:y, my_backscroll_z";
    assert_eq!(words(text).collect::<Vec<_>>(), ["backscroll_up"]);
}
