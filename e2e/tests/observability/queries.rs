//! The series that a query asks for, without a parser of the whole language.

use std::collections::BTreeSet;

/// What stands in a query for a name of a series, and its matchers in braces, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) matchers: String,
}

impl Selector {
    pub(crate) fn query(&self) -> String {
        format!("{}{}", self.name, self.matchers)
    }
}

/// Names of ours, of the process, of what rules record, and those that Prometheus itself makes.
fn is_series(name: &str) -> bool {
    name.starts_with("backscroll_")
        || name.starts_with("process_")
        || name.contains(':')
        || ["up", "ALERTS"].contains(&name)
}

/// All selectors of a query.
pub(crate) fn selectors(query: &str) -> BTreeSet<Selector> {
    let mut found = BTreeSet::new();
    let mut rest = query;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || "_:\"".contains(c)) {
        rest = &rest[start..];
        if let Some(inner) = rest.strip_prefix('"') {
            // A text: the value of a label.
            rest = inner.split_once('"').unwrap_or_else(|| panic!("{query}: a text has no end")).1;
            continue;
        }
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
        let (name, after) = rest.split_at(rest.find(|c| !is_of_name(c)).unwrap_or(rest.len()));
        let end = if after.starts_with('{') { end_of_matchers(after) } else { 0 };
        if is_series(name) {
            found.insert(Selector { name: name.to_owned(), matchers: after[..end].to_owned() });
        }
        rest = &after[end..];
    }
    found
}

/// Behind the brace that closes the first one. Braces in texts do not count.
fn end_of_matchers(text: &str) -> usize {
    let mut is_text = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_text = !is_text,
            '}' if !is_text => return at + 1,
            _ => {}
        }
    }
    panic!("{text}: a brace has no end")
}

#[test]
fn the_selectors_of_a_query_are_found() {
    let query = r#"histogram_quantile(0.9, sum by (job, le) (rate(backscroll_x_bucket{a="}up", b!~"y"}[5m])))
        / on (up_to) job:x:rate5m > 0 and up == 1"#;
    let found: Vec<String> = selectors(query).iter().map(Selector::query).collect();
    assert_eq!(found, [r#"backscroll_x_bucket{a="}up", b!~"y"}"#, "job:x:rate5m", "up"]);
}
