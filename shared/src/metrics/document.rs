//! `docs/metrics.md`, made of the table. A test compares the two.

use super::row::{Kind, Label, Of, Row, seconds};
use super::table::{SERIES_OF_HOST, TABLE};
use std::fmt::Write as _;

/// The whole page.
pub(super) fn page() -> String {
    let mut page = format!(
        "# Metrics\n\
         \n\
         `GET /metrics` answers on both programs, in the text format of Prometheus, or as OpenMetrics if `Accept` asks for it. See [who may read it](security.md#metrics), and [how to set up Prometheus and its alerts](operate.md#metrics-dashboards-and-alerts). A gauge that says *whether* something is so is 1 for yes and 0 for no.\n\
         \n\
         No label has a value that a request chooses: no file, no keyword, no path, no caller. A primary has at most {SERIES_OF_HOST} series for each host of its fleet. The numbers of a host go when it leaves the fleet. All counters begin at 0 when the program starts.\n\
         \n\
         What a request did is counted when its answer has ended. Requests that are not valid HTTP are not counted, because they end before there is a route.\n\
         \n\
         This page is made from the table in the code (`shared/src/metrics/table.rs`): change it there, and run `BACKSCROLL_BLESS=1 cargo test --workspace --lib the_document_is_that_of_the_table`.\n"
    );
    for (of, title) in [(Of::Both, "Both programs"), (Of::Secondary, "Secondary"), (Of::Primary, "Primary")] {
        write!(page, "\n## {title}\n\n| name | type | labels | what it is |\n| --- | --- | --- | --- |\n")
            .expect("a String takes it");
        for row in TABLE.iter().filter(|row| row.of == of) {
            line(row, &mut page);
        }
    }
    page
}

fn line(row: &Row, page: &mut String) {
    let labels: Vec<String> = row.labels.iter().map(label).collect();
    let labels = if labels.is_empty() { "none".to_owned() } else { labels.join("; ") };
    let kind = row.kind.as_str();
    write!(page, "| `{}` | {kind} | {labels} | {}", row.name, row.help).expect("a String takes it");
    if let Kind::Histogram(bounds) = row.kind {
        let bounds: Vec<String> = bounds.iter().map(|bound| seconds(*bound).to_string()).collect();
        write!(page, ". Buckets: {} s", bounds.join(", ")).expect("a String takes it");
    }
    page.push_str(" |\n");
}

fn label(label: &Label) -> String {
    let values: Vec<String> = label.values.iter().map(|value| format!("`{value}`")).collect();
    let values = if values.is_empty() { label.about.to_owned() } else { values.join(", ") };
    format!("`{}`: {values}", label.name)
}
