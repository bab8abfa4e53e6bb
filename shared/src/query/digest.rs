//! The digest of a query: whether a cursor belongs to it.

use super::range::{Edge, ScanMode, TimeRange};
use super::{FileName, LogQuery};
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
        let TimeRange { since, until } = range;
        for (name, edge, written) in [(b's', since, &relative.since), (b'u', until, &relative.until)] {
            match (written, edge) {
                // Each request resolves it anew.
                (Some(text), _) => parts.add(name.to_ascii_uppercase(), text),
                (None, None) => {}
                (None, Some(Edge::At(instant))) => parts.add(name, &instant.to_be_bytes()),
                (None, Some(Edge::OnHost(time))) => parts.add(name, time.to_string().as_bytes()),
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
    use crate::query::range::{Edge, TimeRange};
    use crate::query::{Audience, LogQuery};
    use crate::wire::cursor::{Cursor, Direction};
    use crate::wire::problem::Code;

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
    fn a_range_that_is_relative_to_now_stays_that_of_the_first_page() {
        let first = parse("filename=a&since=15m&until=now-1m");
        let (direction, query) = (Direction::Older, first.digest());
        let (since, until) = (Some(1_000), Some(2_000));
        let cursor = Cursor { direction, query, since, until, boundary: None, places: Vec::new() };
        let cursor = cursor.encode();
        let next = parse(&format!("filename=a&since=15m&until=now-1m&cursor={cursor}"));
        let TimeRange { since, until } = next.range;
        assert_eq!((since, until), (Some(Edge::At(1_000)), Some(Edge::At(2_000))));
        let other = format!("filename=a&since=16m&until=now-1m&cursor={cursor}");
        assert_eq!(LogQuery::parse(&other, Audience::Primary).unwrap_err().code(), Code::CursorMismatch);
        // Hosts get instants, and an instant is the same whatever it is called.
        let same = parse("filename=a&since=1970-01-01T00:00:01Z").digest();
        assert_eq!(parse("filename=a&since=1").digest(), same);
        assert_ne!(parse("filename=a&since=2").digest(), same);
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
