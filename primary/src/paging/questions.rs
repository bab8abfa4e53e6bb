//! What each host is asked, where that is not the same for all: its own place, and the time that is
//! left.

use super::Paging;
use crate::host::target::{ForHost, Target};
use backscroll_shared::query::range::{Edge, Instants, TimeRange};
use backscroll_shared::query::{Audience, LogQuery};
use backscroll_shared::wire::cursor::{Bound, Cursor, Digest, Direction, HostPlace};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The least time that a host may be given: no query may ask for less.
const LEAST: Duration = Duration::from_millis(100);

/// The most time that a host has less than the request, to end by itself and say how far it got. It is
/// a tenth of the time that is left.
const LEAD: Duration = Duration::from_millis(500);

/// A year in nanoseconds. No query takes a time that is so near to the ends of all times, but a record
/// without any time stands there.
const YEAR: i64 = 366 * 24 * 3600 * 1_000_000_000;

/// The questions of one request.
#[derive(Debug)]
pub struct Questions {
    /// The query without cursor and time.
    query: LogQuery,
    /// What a host that time does not keep to a part is asked.
    base: Text,
    /// What a host without a place is asked, and the bound for that.
    bounded: Option<(Bound, Text)>,
    paging: Arc<Paging>,
    /// When the time that the client gave is over.
    over_at: Option<Instant>,
}

/// What a host is asked, without cursor and time.
#[derive(Debug, Clone)]
struct Text {
    written: String,
    /// The query as the host parses it. Its cursors hold that.
    parsed: Digest,
    range: Instants,
}

impl Text {
    fn new(query: &LogQuery) -> Text {
        let written = query.for_secondary();
        let parsed = LogQuery::parse(&written, Audience::Secondary);
        let parsed = parsed.as_ref().unwrap_or(query).digest();
        Text { written, parsed, range: query.range.instants() }
    }
}

impl Questions {
    /// Those of a query whose cursor and time are taken out.
    pub fn new(query: &LogQuery, paging: Arc<Paging>, over_at: Option<Instant>) -> Questions {
        let bound = paging.direction().zip(paging.boundary()).map(|(side, at)| Bound { side, at });
        let bounded = bound.map(|bound| (bound, Text::new(&bounded(query, bound))));
        Questions { query: query.clone(), base: Text::new(query), bounded, paging, over_at }
    }

    fn text(&self, host: &str) -> Cow<'_, Text> {
        match (self.paging.bound(host), &self.bounded) {
            (None, _) => Cow::Borrowed(&self.base),
            (Some(bound), Some((of, text))) if bound == *of => Cow::Borrowed(text),
            (Some(bound), _) => Cow::Owned(Text::new(&bounded(&self.query, bound))),
        }
    }

    /// The cursor for a host.
    fn cursor(&self, place: &HostPlace, text: &Text) -> Option<String> {
        let Instants { since, until } = text.range;
        let places = vec![HostPlace { host: String::new(), key: None, bound: None, place: place.place }];
        let direction = self.paging.direction()?;
        Some(Cursor { direction, query: text.parsed, since, until, boundary: None, places }.encode())
    }
}

impl ForHost for Questions {
    fn target(&self, host: &str) -> Target {
        let asked = self.text(host);
        let mut text = asked.written.clone();
        if let Some(over_at) = self.over_at {
            let left = over_at.saturating_duration_since(Instant::now());
            let time = left.saturating_sub((left / 10).min(LEAD)).max(LEAST);
            text.extend(["&timeout=", &time.as_millis().to_string(), "ms"]);
        }
        let place = self.paging.place(host).filter(|_| !self.paging.is_by_time(host));
        if let Some(cursor) = place.and_then(|place| self.cursor(place, &asked)) {
            text.push_str("&cursor=");
            text.push_str(&cursor);
        }
        Target::new("/logs", text)
    }
}

/// The query for a host that time keeps to its part.
fn bounded(query: &LogQuery, bound: Bound) -> LogQuery {
    let after = bound.at.saturating_add(1).clamp(i64::MIN + YEAR, i64::MAX - YEAR);
    let mut bounded = query.clone();
    let TimeRange { since, until } = &mut bounded.range;
    // A range that holds no time would be refused. That of one nanosecond loses nothing either.
    match bound.side {
        Direction::Older => {
            let least = at(*since).map_or(i64::MIN, |from| from.saturating_add(1));
            *until = Some(Edge::At(at(*until).unwrap_or(i64::MAX).min(after).max(least)));
        }
        Direction::Newer => {
            let most = at(*until).map_or(i64::MAX, |to| to.saturating_sub(1));
            *since = Some(Edge::At(at(*since).unwrap_or(i64::MIN).max(after).min(most)));
        }
    }
    bounded
}

fn at(edge: Option<Edge>) -> Option<i64> {
    match edge {
        Some(Edge::At(nanos)) => Some(nanos),
        Some(Edge::OnHost(_)) | None => None,
    }
}
