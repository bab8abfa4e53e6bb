//! What each host is asked, where that is not the same for all: its own place, and the time that is
//! left.

use super::Paging;
use crate::host::target::{ForHost, Target};
use backscroll_shared::query::range::{Edge, TimeRange};
use backscroll_shared::query::{Audience, LogQuery};
use backscroll_shared::wire::cursor::{Cursor, Digest, Direction, HostPlace};
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
    /// What a host with a place is asked, without cursor and time.
    base: String,
    /// What a host without a place is asked, if that is something else.
    bounded: Option<String>,
    /// The query as the hosts parse it.
    query: Digest,
    paging: Arc<Paging>,
    /// When the time that the client gave is over.
    over_at: Option<Instant>,
}

impl Questions {
    /// Those of a query whose cursor and time are taken out.
    pub fn new(query: &LogQuery, paging: Arc<Paging>, over_at: Option<Instant>) -> Questions {
        let base = query.for_secondary();
        let bounded = bounded(query, &paging).map(|query| query.for_secondary());
        // The hosts' cursors hold the query as they parse it.
        let parsed = LogQuery::parse(&base, Audience::Secondary);
        let query = parsed.as_ref().unwrap_or(query).digest();
        Questions { base, bounded, query, paging, over_at }
    }

    /// The cursor for a host.
    fn cursor(&self, HostPlace { place, .. }: &HostPlace) -> Option<String> {
        let cursor = Cursor {
            direction: self.paging.direction()?,
            query: self.query,
            since: self.paging.range.since,
            until: self.paging.range.until,
            boundary: None,
            places: vec![HostPlace { host: String::new(), key: None, place: *place }],
        };
        Some(cursor.encode())
    }
}

impl ForHost for Questions {
    fn target(&self, host: &str) -> Target {
        let place = self.paging.place(host);
        let text = match (place, &self.bounded) {
            (None, Some(bounded)) => bounded,
            _ => &self.base,
        };
        let mut text = text.clone();
        if let Some(over_at) = self.over_at {
            let left = over_at.saturating_duration_since(Instant::now());
            let time = left.saturating_sub((left / 10).min(LEAD)).max(LEAST);
            text.extend(["&timeout=", &time.as_millis().to_string(), "ms"]);
        }
        if let Some(cursor) = place.and_then(|place| self.cursor(place)) {
            text.push_str("&cursor=");
            text.push_str(&cursor);
        }
        Target::new("/logs", text)
    }
}

/// The query for hosts without a place in the cursor: the boundary keeps them to their part. An edge
/// in the zone of each host stays, because the two cannot be compared here. Then such a host may
/// deliver records that belong to other pages, but loses none.
fn bounded(query: &LogQuery, paging: &Paging) -> Option<LogQuery> {
    let after = paging.boundary()?.saturating_add(1).clamp(i64::MIN + YEAR, i64::MAX - YEAR);
    let mut bounded = query.clone();
    let TimeRange { since, until } = &mut bounded.range;
    // A range that holds no time would be refused. That of one nanosecond loses nothing either.
    match (paging.direction()?, *since, *until) {
        (Direction::Older, _, Some(Edge::OnHost(_))) | (Direction::Newer, Some(Edge::OnHost(_)), _) => {
            return None;
        }
        (Direction::Older, from, to) => {
            let least = at(from).map_or(i64::MIN, |from| from.saturating_add(1));
            *until = Some(Edge::At(at(to).unwrap_or(i64::MAX).min(after).max(least)));
        }
        (Direction::Newer, from, to) => {
            let most = at(to).map_or(i64::MAX, |to| to.saturating_sub(1));
            *since = Some(Edge::At(at(from).unwrap_or(i64::MIN).max(after).min(most)));
        }
    }
    Some(bounded)
}

fn at(edge: Option<Edge>) -> Option<i64> {
    match edge {
        Some(Edge::At(nanos)) => Some(nanos),
        Some(Edge::OnHost(_)) | None => None,
    }
}
