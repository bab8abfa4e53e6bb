//! The parameters of `/logs` as people see them: an example and a meaning of each, and the words by
//! which other programs call the same things.

use super::Audience;
use crate::nearest::nearest;
use std::fmt::Write as _;

/// What people are told of a parameter.
struct Told {
    name: &'static str,
    /// A value, as it stands in a URL.
    example: &'static str,
    about: &'static str,
    /// What it is called elsewhere, where that is not similar.
    elsewhere: &'static [&'static str],
}

const fn told(
    name: &'static str,
    example: &'static str,
    about: &'static str,
    elsewhere: &'static [&'static str],
) -> Told {
    Told { name, example, about, elsewhere }
}

/// All parameters, in the order of the page.
const TOLD: [Told; 16] = [
    told(
        "hostname",
        "web*",
        "a name of the fleet, repeatable, * and ? as wildcards; without it the whole fleet, merged by time",
        &["node", "server", "instance", "machine", "target"],
    ),
    told("filename", "app.log", "which file, as /files lists it", &["path", "log", "logfile", "name"]),
    told(
        "keyword",
        "timeout",
        "text that the record contains; repeatable: all of them",
        &["q", "query", "search", "text", "find", "contains", "word", "term", "needle", "literal"],
    ),
    told(
        "regex",
        "status=5\\d\\d",
        "regular expression that the record matches; repeatable: all of them",
        &["grep", "re", "pattern", "match", "matches", "filter", "egrep", "expression", "expr"],
    ),
    told(
        "exclude",
        "healthz",
        "text that the record does not contain; repeatable: none of them",
        &["not", "without", "invert", "ignore", "skip", "except", "reject"],
    ),
    told(
        "exclude_regex",
        "took=\\dms",
        "regular expression that the record does not match; repeatable: none of them",
        &["not_regex", "regex_not", "not_match"],
    ),
    told(
        "ignore_case",
        "true",
        "whether capitals and small letters are the same for the four above",
        &["i", "nocase", "no_case", "case", "insensitive", "case_insensitive", "case_sensitive", "icase"],
    ),
    told(
        "since",
        "15m",
        "the first time: 15m for 15 minutes ago, 2026-11-25T12:00:00Z, or seconds since 1970",
        &[
            "from",
            "start",
            "begin",
            "start_time",
            "starttime",
            "start_date",
            "newer_than",
            "last",
            "min_time",
        ],
    ),
    told(
        "until",
        "2026-11-25T12:05:00Z",
        "the first time that is too late",
        &["to", "end", "stop", "end_time", "endtime", "end_date", "older_than", "max_time"],
    ),
    told(
        "tz",
        "Europe/Berlin",
        "the zone of times that are given without one; host: that of each host",
        &["zone", "timezone", "time_zone", "utc_offset"],
    ),
    told(
        "scan",
        "all",
        "reads every byte, where the times of a file are out of order",
        &["full", "full_scan"],
    ),
    told(
        "n",
        "20",
        "at most so many records",
        &[
            "limit",
            "tail",
            "lines",
            "head",
            "max",
            "num",
            "number",
            "size",
            "max_count",
            "take",
            "top",
            "per_page",
        ],
    ),
    told("timeout", "10s", "ends the answer then, with a cursor", &["deadline", "max_duration", "wait"]),
    told(
        "cursor",
        "WORD",
        "continues where an earlier answer ended: its older or newer",
        &["page", "next", "token", "page_token", "continue", "older", "newer", "resume", "offset"],
    ),
    told(
        "on_error",
        "ignore",
        "what to do about a host that fails: report, ignore or fail",
        &["partial", "allow_partial", "ignore_errors"],
    ),
    told("glob", "nginx/*.log", "which files", &["filter", "pattern", "path", "filename", "name", "prefix"]),
];

/// The parameter that somebody most likely meant by another word.
pub(super) fn meant<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = given.to_lowercase().replace('-', "_");
    let is_called_so =
        |name: &&&str| TOLD.iter().any(|told| told.name == **name && told.elsewhere.contains(&word.as_str()));
    known.iter().find(is_called_so).copied().or_else(|| nearest(given, known.iter().copied()))
}

/// The lines of `GET /` about the parameters of `/logs`.
pub fn page(audience: Audience) -> String {
    let taken = || TOLD.iter().filter(|told| audience.parameters().contains(&told.name));
    let width = taken().map(|told| told.name.len() + 1 + told.example.len()).max().unwrap_or_default();
    let mut page = "Parameters of /logs, each with an example:\n".to_owned();
    for Told { name, example, about, .. } in taken() {
        let used = format!("{name}={example}");
        writeln!(page, "  {used:width$}  {about}").expect("a String takes it");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::LogQuery;

    #[test]
    fn the_page_has_an_example_of_each_parameter_and_each_is_taken() {
        for audience in [Audience::Secondary, Audience::Primary] {
            let page = page(audience);
            for name in audience.parameters() {
                let line = page.lines().find_map(|line| line.strip_prefix(&format!("  {name}=")));
                let value = line.unwrap_or_else(|| panic!("{name} is not on the page")).split("  ").next();
                let query = match (*name, value.unwrap()) {
                    // Only an answer gives a cursor.
                    ("cursor", _) => continue,
                    ("filename", value) => format!("filename={value}"),
                    (name, value) => format!("filename=app.log&{name}={value}"),
                };
                assert!(LogQuery::parse(&query, audience).is_ok(), "{query}");
            }
            assert_eq!(page.lines().count(), 1 + audience.parameters().len());
        }
    }

    #[test]
    fn a_word_that_other_programs_use_leads_to_the_parameter() {
        let known = ["filename", "keyword", "regex", "exclude", "exclude_regex", "ignore_case", "since"];
        let more = ["until", "tz", "scan", "n", "timeout", "cursor", "hostname", "on_error"];
        let known: Vec<&str> = known.into_iter().chain(more).collect();
        for (given, expected) in [
            ("sinse", "since"),
            ("exclude-regex", "exclude_regex"),
            ("excludes", "exclude"),
            ("ignorecase", "ignore_case"),
            ("ignoreCase", "ignore_case"),
            ("case-insensitive", "ignore_case"),
            ("regexp", "regex"),
            ("keywords", "keyword"),
            ("grep", "regex"),
            ("from", "since"),
            ("to", "until"),
            ("start", "since"),
            ("START", "since"),
            ("end", "until"),
            ("limit", "n"),
            ("tail", "n"),
            ("q", "keyword"),
            ("timezone", "tz"),
            ("page", "cursor"),
            ("host", "hostname"),
            ("file", "filename"),
            ("onerror", "on_error"),
        ] {
            assert_eq!(meant(given, &known), Some(expected), "{given}");
        }
        for given in ["follow", "callback", "xyz", "", "before", "context"] {
            assert_eq!(meant(given, &known), None, "{given}");
        }
        // Only what is taken there.
        assert_eq!(meant("limit", &["glob"]), None);
        assert_eq!(meant("filter", &["hostname", "glob"]), Some("glob"));
    }

    #[test]
    fn no_word_leads_to_two_parameters_of_one_endpoint() {
        let of_logs = || TOLD.iter().filter(|told| told.name != "glob");
        for word in of_logs().flat_map(|told| told.elsewhere) {
            assert_eq!(of_logs().filter(|told| told.elsewhere.contains(word)).count(), 1, "{word}");
            assert!(!of_logs().any(|told| told.name == *word), "{word} is a parameter");
        }
    }
}
