//! The digest of a query: whether a cursor belongs to it.

use super::range::{Edge, Relative, ScanMode, TimeRange};
use super::{FileName, LogQuery};
use crate::filter::Conditions;
use crate::wire::cursor::{Cursor, Digest};
use crate::wire::problem::{Code, Problem};

impl LogQuery {
    /// The digest of all that decides which records there are. How many of them are delivered, for how
    /// long, and what becomes of failures may differ from page to page.
    pub fn digest(&self) -> Digest {
        // Each field is named, so that none is forgotten that is added later.
        let LogQuery {
            hostnames,
            filename,
            filter,
            range,
            relative,
            scan,
            n: _,
            timeout: _,
            cursor: _,
            on_error: _,
        } = self;
        let mut parts = Parts::default();
        let mut hosts: Vec<&[u8]> = hostnames.iter().map(String::as_bytes).collect();
        parts.set(b'h', &mut hosts);
        parts.add(b'f', FileName::as_bytes(filename));
        let mut keywords: Vec<&[u8]> = filter.keywords().iter().map(Vec::as_slice).collect();
        parts.set(b'k', &mut keywords);
        if let Some(conditions) = filter.conditions() {
            // Each field is named, so that none is forgotten.
            let Conditions { keywords: _, regexes, excludes, exclude_regexes, ignore_case } = conditions;
            for (name, all) in [(b'r', regexes), (b'x', excludes), (b'X', exclude_regexes)] {
                parts.set(name, &mut all.iter().map(Vec::as_slice).collect());
            }
            if *ignore_case {
                parts.add(b'i', b"");
            }
        }
        let TimeRange { since, until } = range;
        let Relative { since: since_back, until: until_back } = relative;
        for (name, edge, back) in [(b's', since, since_back), (b'u', until, until_back)] {
            match (edge, back) {
                (None, _) => {}
                // It leads to another instant each time.
                (Some(_), Some(back)) => parts.add(name, format!("-{back}").as_bytes()),
                (Some(Edge::At(instant)), None) => parts.add(name, &instant.to_be_bytes()),
                (Some(Edge::OnHost(time)), None) => parts.add(name, time.to_string().as_bytes()),
            }
        }
        match scan {
            ScanMode::Auto => {}
            ScanMode::All => parts.add(b'a', b""),
        }
        Digest::of(&parts.0)
    }

    /// Refuses a cursor of another query.
    pub(super) fn check_cursor(&self) -> Result<(), Problem> {
        match &self.cursor {
            Some(Cursor { query, .. }) if *query != self.digest() => Err(Problem::new(
                Code::CursorMismatch,
                "the cursor belongs to another query: send it with the file, the hosts, the filters and the time range that it came from; only n, timeout and on_error may change",
            )),
            _ => Ok(()),
        }
    }
}

/// What is hashed: each part with its name and its length, so that no two queries are the same bytes.
#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn add(&mut self, name: u8, part: &[u8]) {
        self.0.push(name);
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
    }

    /// Adds parts whose order and number do not matter.
    fn set(&mut self, name: u8, parts: &mut Vec<&[u8]>) {
        parts.sort_unstable();
        parts.dedup();
        for part in parts {
            self.add(name, part);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::query::range::Relative;
    use crate::query::{Audience, LogQuery};
    use crate::wire::cursor::{Cursor, Direction};
    use crate::wire::problem::Code;
    use jiff::Timestamp;

    fn parse(query: &str) -> LogQuery {
        LogQuery::parse(query, Audience::Primary).unwrap()
    }

    #[test]
    fn what_decides_which_records_there_are_is_in_the_digest_and_nothing_else_is() {
        let base = parse("filename=a&keyword=x&keyword=y&hostname=h&hostname=i").digest();
        for same in [
            "hostname=i&hostname=h&hostname=h&keyword=y&keyword=x&filename=a",
            "filename=a&keyword=x&keyword=y&hostname=h&hostname=i&keyword=&n=5&timeout=5s&on_error=ignore",
        ] {
            assert_eq!(parse(same).digest(), base, "{same}");
        }
        for other in [
            "filename=b&keyword=x&keyword=y&hostname=h&hostname=i",
            "filename=a&keyword=x&hostname=h&hostname=i",
            "filename=a&keyword=xy&hostname=h&hostname=i",
            "filename=a&keyword=x&keyword=y&hostname=h",
            "filename=a&keyword=x&keyword=y&hostname=hi",
            "filename=a&keyword=x&keyword=y",
        ] {
            assert_ne!(parse(other).digest(), base, "{other}");
        }
    }

    #[test]
    fn a_page_of_a_relative_range_has_the_range_of_the_first_page() {
        let at = |query: &str, seconds| {
            LogQuery::parse_at(query, Audience::Primary, || Timestamp::from_second(seconds).unwrap())
        };
        let first = at("filename=a&since=15m&until=now-5m", 1_000_000).unwrap();
        let later = at("filename=a&since=15m&until=now-5m", 2_000_000).unwrap();
        assert_eq!(first.digest(), later.digest());
        assert_ne!(first.digest(), at("filename=a&since=16m&until=now-5m", 1_000_000).unwrap().digest());
        let instants = first.range.instants();
        let (direction, since, until) = (Direction::Older, instants.since, instants.until);
        let cursor =
            Cursor { direction, query: first.digest(), since, until, boundary: None, places: Vec::new() }
                .encode();
        let next = at(&format!("filename=a&since=15m&until=now-5m&cursor={cursor}"), 2_000_000).unwrap();
        assert_eq!(next.range, first.range);
        let other = at(&format!("filename=a&since=14m&until=now-5m&cursor={cursor}"), 2_000_000).unwrap_err();
        assert_eq!(other.code(), Code::CursorMismatch);
        // A host gets the instants.
        let on_host = LogQuery::parse(&first.for_secondary(), Audience::Secondary).unwrap();
        assert_eq!((on_host.range, on_host.relative), (first.range, Relative::default()));
    }

    #[test]
    fn a_cursor_is_taken_with_its_own_query_alone_and_passed_on() {
        let query = parse("filename=a&keyword=x");
        let direction = Direction::Newer;
        let word = Cursor {
            direction,
            query: query.digest(),
            since: None,
            until: None,
            boundary: None,
            places: Vec::new(),
        }
        .encode();
        let again = parse(&format!("keyword=x&filename=a&cursor={word}&n=3&timeout=1m30s"));
        assert_eq!(again.cursor.as_ref().unwrap().encode(), word);
        let passed_on = again.for_secondary();
        assert!(passed_on.ends_with(&format!("&n=3&timeout=90000ms&cursor={word}")), "{passed_on}");
        assert_eq!(LogQuery::parse(&passed_on, Audience::Secondary).unwrap().cursor, again.cursor);

        let refused = |query: &str| LogQuery::parse(query, Audience::Primary).unwrap_err();
        let other = refused(&format!("filename=a&keyword=y&cursor={word}"));
        assert_eq!(other.code(), Code::CursorMismatch);
        for malformed in
            ["", "x", "%FF", &word[1..], &format!("{word}A"), &format!("{word}="), &"A".repeat(5000)]
        {
            let problem = refused(&format!("filename=a&keyword=x&cursor={malformed}"));
            assert_eq!(problem.code(), Code::BadParameter, "{malformed}");
            let detail = problem.detail();
            assert!(
                detail.contains("cursor is \"") && detail.contains("older or newer") && detail.len() < 400
            );
        }
        assert_eq!(
            refused(&format!("filename=a&keyword=x&cursor={word}&cursor={word}")).code(),
            Code::BadParameter
        );
    }
}
