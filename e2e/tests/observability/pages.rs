//! Pages of `/metrics`, as a client reads them.

use std::collections::{BTreeMap, BTreeSet};

/// The metrics of a page, with their types.
pub(crate) fn types(page: &str) -> BTreeMap<String, String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    lines.filter_map(|line| line.split_once(' ')).map(|(n, kind)| (n.to_owned(), kind.to_owned())).collect()
}

/// The names of the metrics that have a value on a page, as the names of their series.
pub(crate) fn series(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

#[test]
fn types_and_series_of_a_page_are_found() {
    let page = "# HELP a_total A\n# TYPE a_total counter\na_total{b=\"c\"} 1\n# TYPE d gauge\nd 2\n";
    assert_eq!(
        types(page).into_iter().collect::<Vec<_>>(),
        [("a_total".to_owned(), "counter".to_owned()), ("d".to_owned(), "gauge".to_owned())]
    );
    assert_eq!(series(page).into_iter().collect::<Vec<_>>(), ["a_total", "d"]);
}
