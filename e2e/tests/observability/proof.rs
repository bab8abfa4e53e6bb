//! A real Prometheus reads a fleet of real programs, and has data for all that we ship.

use crate::fleet::{Fleet, MISSING_HOST, PRIMARY, SECONDARY};
use crate::names::{documented, metric};
use crate::pages::{series, types};
use crate::prometheus::Prometheus;
use crate::promtool::promtool;
use crate::queries::selectors;
use crate::shipped::{dashboard, items, queries, rules, text};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long it may take until every query has data. A loaded machine is slow; a quiet one needs
/// some seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// Queries of the dashboard that have no data in this fleet, by what they belong to, and why. Of
/// these, too, each selector has data.
const EVENTS: &[(&str, &str)] = &[("annotation Starts of programs", "no program is started again")];

/// Metrics that have no value on any page of this fleet, and why.
const NO_VALUE: &[(&str, &str)] = &[];

/// What the dashboard's variables stand for.
fn chosen(query: &str) -> String {
    let query = query.replace("$job", ".*").replace("$instance", ".*");
    let query = query.replace("$__rate_interval", "1m").replace("$__range", "5m");
    assert!(!query.contains('$'), "{query}: a variable that is not known here");
    query
}

/// What Prometheus has to have data for, and what asks for it. Most alerts are silent here, so of a
/// rule that is each of its selectors.
fn wanted() -> Vec<(String, String)> {
    let of_selectors = |place: &str, query: &str| -> Vec<(String, String)> {
        selectors(query).iter().map(|selector| (place.to_owned(), selector.query())).collect()
    };
    let of_rules = rules().into_iter().flat_map(|rule| {
        let name = rule["alert"].as_str().or(rule["record"].as_str()).unwrap();
        of_selectors(name, text(&rule["expr"]))
    });
    let of_panels = queries().into_iter().flat_map(|(title, query)| {
        let query = chosen(&query);
        let is_event = EVENTS.iter().any(|(place, _)| *place == title);
        if is_event { of_selectors(&title, &query) } else { vec![(title, query)] }
    });
    of_rules.chain(of_panels).collect()
}

/// What has no data yet.
fn without_data(prometheus: &Prometheus, wanted: &[(String, String)]) -> Vec<String> {
    let lacks = |(place, query): &&(String, String)| match prometheus.values(query) {
        Ok(values) => values.iter().all(|value| value.is_nan()),
        Err(error) => panic!("{place}: {query}: {error}"),
    };
    wanted.iter().filter(lacks).map(|(place, query)| format!("{place}: {query}")).collect()
}

fn check_pages(fleet: &Fleet) {
    let documented = documented();
    let (mut typed, mut valued) = (BTreeSet::new(), BTreeSet::new());
    for (program, page) in fleet.pages() {
        let complaints = promtool(&["check", "metrics"], &page);
        assert_eq!(complaints.trim(), "", "{program}");
        for name in types(&page).keys() {
            assert!(documented.contains_key(name), "{program}: {name} is not documented");
            typed.insert(name.clone());
        }
        valued.extend(series(&page).iter().map(|name| metric(name, &documented).to_owned()));
    }
    let missing: Vec<&String> = documented
        .keys()
        .filter(|name| !valued.contains(*name) && NO_VALUE.iter().all(|(listed, _)| listed != name))
        .collect();
    assert!(missing.is_empty(), "documented, and on no page: {missing:?}");
    for (name, why) in NO_VALUE {
        assert!(!valued.contains(*name), "{name} has a value: is it still true that {why}?");
    }
}

#[test]
#[ignore = "needs Prometheus: .ci/observability"]
fn prometheus_has_data_for_every_query_of_the_dashboard_and_every_rule() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = Fleet::start(dir.path());
    let targets = fleet.targets();
    let count = targets.len();
    let prometheus = Prometheus::start(dir.path(), &targets);

    let (began, wanted) = (Instant::now(), wanted());
    let missing = loop {
        fleet.ask();
        let missing = without_data(&prometheus, &wanted);
        // On a loaded machine one reading of a page may be late, and the next one is not.
        let are_up = prometheus.targets().iter().all(|target| target["health"] == "up");
        if missing.is_empty() && are_up && is_quiet(&prometheus) || began.elapsed() > PATIENCE {
            break missing;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    for target in prometheus.targets() {
        assert_eq!(target["health"], "up", "{}: {}", target["scrapeUrl"], target["lastError"]);
    }
    eprintln!("asked until {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(prometheus.targets().len(), count);

    // The variables of the dashboard find the programs.
    assert_eq!(prometheus.label_values("job", "backscroll_build_info"), [PRIMARY, SECONDARY]);
    assert_eq!(prometheus.label_values("instance", "backscroll_build_info").len(), count);
    for variable in items(&dashboard()["templating"]["list"]).skip(1) {
        assert!(text(&variable["definition"]).starts_with("label_values(backscroll_build_info"));
    }
    check_rules(&prometheus);
    check_pages(&fleet);
    assert!(missing.is_empty(), "no data: {missing:#?}");
}

/// Alerts that have nothing to tell.
const QUIET: [&str; 4] =
    ["BackscrollPrimaryDown", "BackscrollSecondaryDown", "BackscrollNotReady", "BackscrollDiskErrors"];

fn is_quiet(prometheus: &Prometheus) -> bool {
    let tells = |rule: &serde_json::Value| {
        QUIET.iter().any(|name| rule["name"] == *name) && items(&rule["alerts"]).next().is_some()
    };
    !prometheus.rules().iter().any(tells)
}

/// Every rule is well, and the alert for the missing host has noticed it.
fn check_rules(prometheus: &Prometheus) {
    let all = prometheus.rules();
    assert_eq!(all.len(), rules().len());
    for rule in &all {
        assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
    }
    let of = |name: &str| -> Vec<String> {
        let rule = all.iter().find(|rule| rule["name"] == name).unwrap();
        items(&rule["alerts"])
            .map(|alert| alert["labels"]["host"].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    assert_eq!(of("BackscrollHostDown"), [MISSING_HOST]);
    assert_eq!(of("BackscrollFleetShareDown").len(), 1, "one of four hosts");
    for quiet in QUIET {
        assert_eq!(of(quiet), [] as [&str; 0], "{quiet}");
    }
}
