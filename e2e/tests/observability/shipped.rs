//! The files that are shipped, read once more by those who use them: `deploy/prometheus`,
//! `deploy/grafana`, `docs/runbook.md`.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(crate) const RULES: &str = "deploy/prometheus/rules.yml";
pub(crate) const DASHBOARD: &str = "deploy/grafana/backscroll.json";
const RUNBOOK: &str = "docs/runbook.md";

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The text of a file of the repository.
pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file in YAML.
pub(crate) fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The items of a list in a document; none where there is no list.
pub(crate) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}: is no text"))
}

/// All rules, of all groups.
pub(crate) fn rules() -> Vec<Value> {
    let groups = yaml(RULES);
    items(&groups["groups"]).flat_map(|group| items(&group["rules"])).cloned().collect()
}

/// The rules that are alerts.
pub(crate) fn alerts() -> Vec<Value> {
    rules().into_iter().filter(|rule| rule["alert"].is_string()).collect()
}

/// The names of the series that rules record.
pub(crate) fn recorded() -> BTreeSet<String> {
    rules().iter().filter_map(|rule| rule["record"].as_str()).map(str::to_owned).collect()
}

pub(crate) fn dashboard() -> Value {
    serde_json::from_str(&file(DASHBOARD)).unwrap()
}

/// The panels that ask something, each with its title.
fn panels(dashboard: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = items(&dashboard["panels"]).filter(|panel| panel["type"] != "row");
    all.map(|panel| (text(&panel["title"]), panel))
}

/// Each query of the dashboard, with the title of its panel.
pub(crate) fn queries() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let of_panels = panels(&dashboard).flat_map(|(title, panel)| {
        items(&panel["targets"]).map(|target| (title.to_owned(), text(&target["expr"]).to_owned()))
    });
    let notes = items(&dashboard["annotations"]["list"]).filter_map(|note| {
        Some((format!("annotation {}", text(&note["name"])), note["expr"].as_str()?.to_owned()))
    });
    of_panels.chain(notes).collect()
}

#[test]
fn each_alert_says_how_bad_it_is_what_it_means_and_what_to_do() {
    let alerts = alerts();
    assert!(alerts.len() >= 20, "{}", alerts.len());
    for alert in &alerts {
        let name = text(&alert["alert"]);
        let severity = text(&alert["labels"]["severity"]);
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        for note in ["summary", "description"] {
            assert!(text(&alert["annotations"][note]).len() > 10, "{name}: {note}");
        }
        let runbook = format!("{RUNBOOK}#{}", name.to_lowercase());
        assert_eq!(text(&alert["annotations"]["runbook"]), runbook, "{name}");
    }
}

#[test]
fn each_alert_has_a_section_in_the_runbook_and_each_section_its_alert() {
    let named: BTreeSet<String> = alerts().iter().map(|alert| text(&alert["alert"]).to_owned()).collect();
    let runbook = file(RUNBOOK);
    let sections: Vec<(&str, &str)> =
        runbook.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    // One section is for all of them.
    let (first, of_alerts) = sections.split_first().unwrap();
    assert_eq!(first.0, "First look");
    let titles: BTreeSet<String> = of_alerts.iter().map(|(title, _)| (*title).to_owned()).collect();
    assert_eq!(named, titles);
    assert_eq!(of_alerts.len(), titles.len(), "two sections have the same title");
    for (title, section) in of_alerts {
        for part in ["**Look.**", "**Do.**"] {
            assert!(section.contains(part), "{title}: {part}");
        }
        // How bad it is stands first, and is what the rules say.
        let first = section.trim_start().split('.').next().unwrap();
        for alert in alerts().iter().filter(|alert| alert["alert"] == *title) {
            let severity = text(&alert["labels"]["severity"]);
            assert!(first.contains(&format!("*{severity}")), "{title}: {severity}");
        }
    }
}

#[test]
fn each_alert_is_tried_firing_and_silent() {
    let tests = yaml("deploy/prometheus/rules.test.yml");
    let tried: Vec<&Value> =
        items(&tests["tests"]).flat_map(|test| items(&test["alert_rule_test"])).collect();
    for alert in alerts() {
        let of_it = || tried.iter().filter(|test| test["alertname"] == alert["alert"]);
        let fires = |test: &&&Value| {
            let expected = || items(&test["exp_alerts"]);
            let same = |one: &Value| one["exp_labels"]["severity"] == alert["labels"]["severity"];
            expected().any(same)
        };
        assert!(of_it().any(|test| fires(&test)), "{} never fires in a test", alert["alert"]);
        let is_silent = |test: &&Value| test["exp_alerts"].as_array().is_some_and(Vec::is_empty);
        assert!(of_it().any(is_silent), "{} is never silent in a test", alert["alert"]);
    }
}

#[test]
fn each_panel_says_what_it_shows_in_which_unit_and_asks_the_chosen_prometheus() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "backscroll");
    let mut ids = BTreeSet::new();
    for panel in items(&dashboard["panels"]) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: two have this id", panel["id"]);
    }
    for (title, panel) in panels(&dashboard) {
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 10), "{title}: description");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}: unit");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(items(&panel["targets"]).count() > 0, "{title}: asks nothing");
        for target in items(&panel["targets"]) {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    let variables: Vec<&str> =
        items(&dashboard["templating"]["list"]).map(|variable| text(&variable["name"])).collect();
    assert_eq!(variables, ["datasource", "job", "instance"]);
    for (title, query) in queries().iter().filter(|(_, query)| !query.contains("ALERTS")) {
        let chosen = query.matches(r#"job=~"$job", instance=~"$instance""#).count();
        assert!(chosen > 0, "{title}: {query} does not ask for the chosen programs");
    }
}

#[test]
fn panels_do_not_cover_one_another() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for panel in items(&dashboard["panels"]) {
        let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}: is wider than the page", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{}: covers another one", panel["title"]);
            }
        }
    }
}

#[test]
fn both_packages_hold_the_documents_and_that_of_the_primary_the_rules_and_the_dashboard() {
    for (program, more) in [("primary", &[RULES, DASHBOARD][..]), ("secondary", &[])] {
        let manifest = file(&format!("{program}/Cargo.toml"));
        for path in ["docs/metrics.md", RUNBOOK].iter().chain(more) {
            assert!(manifest.contains(&format!("[\"../{path}\", ")), "{program}: {path}");
        }
    }
}

#[test]
fn the_jobs_for_kubernetes_have_the_names_that_rules_and_dashboard_ask_for() {
    // Debian's promtool is built without the discovery of Kubernetes, and cannot check them.
    let readme = file("deploy/kubernetes/README.md");
    let (_, jobs) = readme.split_once("```yaml\nscrape_configs:\n").unwrap();
    let jobs = format!("scrape_configs:\n{}", jobs.split("```").next().unwrap());
    let jobs: Value = serde_saphyr::from_str(&jobs).unwrap();
    let names = |config: &Value| -> Vec<String> {
        items(&config["scrape_configs"]).map(|job| text(&job["job_name"]).to_owned()).collect()
    };
    assert_eq!(names(&jobs), names(&yaml("deploy/prometheus/prometheus.yml")));
    for job in items(&jobs["scrape_configs"]) {
        let selector = &job["kubernetes_sd_configs"][0]["selectors"][0]["label"];
        assert_eq!(*selector, format!("app.kubernetes.io/name={}", text(&job["job_name"])));
    }
}
