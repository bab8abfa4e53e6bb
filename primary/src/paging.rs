//! Where an answer is continued: the cursor that a request came with, and how those of hosts become
//! cursors of the fleet.
//!
//! ```text
//! client's cursor ─► Paging ─► questions ─► each host gets a cursor with its own place
//! client's cursor ◄─ Paging ◄─ relay: the host's cursor, under the host's name
//!                           ◄─ fanout: a place for each host
//! ```
//!
//! A host without a place in the cursor has delivered nothing so far: it was away, or it joined the
//! fleet since. Time decides what it still has to deliver: the cursor's boundary is the time of the
//! last record that was delivered. What is up to it belongs to the older pages, and what is newer to
//! the newer ones. That bound stays with the host on all pages that follow. So nothing is lost and
//! nothing comes twice. A host that is out of the fleet for a page keeps its place.

mod questions;

pub use questions::Questions;

use crate::host::Host;
use backscroll_shared::limits::BODY_BYTES;
use backscroll_shared::query::LogQuery;
use backscroll_shared::query::range::{Edge, Instants, TimeRange};
use backscroll_shared::wire::cursor::{Bound, Cursor, Digest, Direction, FileId, HostPlace, Place};
use backscroll_shared::wire::verdict::Verdict;
use std::collections::HashSet;
use std::sync::Arc;

/// Bytes of a form beside the query and the cursor: the name of the parameter, and some more that a
/// client adds.
const FORM_BYTES: usize = 256;

/// The place of a host whose file is not known, or of which time alone decides. No file has this
/// identity, so no host finds it. Further back nothing is left in it, because its offset is its floor.
pub const NOWHERE: Place = Place {
    file: FileId { device: 0, inode: 0, head_len: 0, head: Digest(0) },
    offset: 0,
    floor: 0,
    end: 0,
    anchor: None,
};

/// How the answer to one request can be continued.
#[derive(Debug)]
pub struct Paging {
    /// The query, for its cursors.
    query: Digest,
    /// Its time range.
    edges: TimeRange,
    /// The same, as far as it is the same on all hosts.
    range: Instants,
    /// The cursor that the request came with.
    came: Option<Came>,
    /// Bytes of a cursor that fits into a form together with the query.
    room: usize,
}

/// The cursor that a request came with.
#[derive(Debug)]
struct Came {
    /// Its places are ordered by name.
    cursor: Cursor,
    /// The numbers of the places of hosts that are not asked.
    others: Vec<usize>,
}

impl Paging {
    /// Takes the cursor out of a query, which was parsed from this text, and asks these hosts.
    pub fn of(query: &mut LogQuery, text: &str, hosts: &[Arc<Host>]) -> Paging {
        let digest = query.digest();
        let cursor = query.cursor.take();
        let cursor_bytes = cursor.as_ref().map_or(0, |cursor| cursor.encode().len());
        let query_bytes = text.len().saturating_sub(cursor_bytes) + FORM_BYTES;
        Paging {
            query: digest,
            edges: query.range,
            range: query.range.instants(),
            came: cursor.map(|cursor| Came::new(cursor, hosts)),
            room: BODY_BYTES.saturating_sub(query_bytes),
        }
    }

    /// Which way the request continues an earlier answer; None where it begins.
    pub fn direction(&self) -> Option<Direction> {
        self.came.as_ref().map(|came| came.cursor.direction)
    }

    /// The time that decides about hosts without a place.
    pub fn boundary(&self) -> Option<i64> {
        self.came.as_ref()?.cursor.boundary
    }

    /// Where the host of this name is to continue.
    pub fn place(&self, host: &str) -> Option<&HostPlace> {
        let places = &self.came.as_ref()?.cursor.places;
        let number = places.binary_search_by(|place| place.host.as_str().cmp(host)).ok()?;
        places.get(number)
    }

    /// The places of hosts that are not asked, because they are out of the fleet at the moment.
    pub fn others(&self) -> impl Iterator<Item = &HostPlace> {
        let came = self.came.iter();
        came.flat_map(|came| came.others.iter().filter_map(|number| came.cursor.places.get(*number)))
    }

    /// To which records time keeps the host of this name. An edge in the zone of each host stays as it
    /// is, because the two cannot be compared here: then the host may deliver records that belong to
    /// other pages, but loses none.
    pub fn bound(&self, host: &str) -> Option<Bound> {
        let bound = match self.place(host) {
            Some(place) => place.bound?,
            None => Bound { side: self.direction()?, at: self.boundary()? },
        };
        let edge = match bound.side {
            Direction::Older => self.edges.until,
            Direction::Newer => self.edges.since,
        };
        (!matches!(edge, Some(Edge::OnHost(_)))).then_some(bound)
    }

    /// Whether time alone decides what the host of this name delivers, because the request continues
    /// another one and has no place for it.
    pub fn is_by_time(&self, host: &str) -> bool {
        let Some(direction) = self.direction() else { return false };
        self.place(host).is_none_or(|place| {
            place.place.file == NOWHERE.file && place.bound.is_some_and(|bound| bound.side == direction)
        })
    }

    /// The cursor of this request again, if it goes this way. For an answer that delivered nothing.
    pub fn again(&self, direction: Direction) -> Option<String> {
        let came = self.came.as_ref().filter(|came| came.cursor.direction == direction)?;
        Some(came.cursor.encode())
    }

    /// Adds the range of times that was asked for, where it is the same on all hosts. Where the client
    /// asked for none, a range that keeps a host to its part is none of its business.
    pub fn add_range(&self, verdict: &mut Verdict) {
        if self.edges.is_open() && self.direction().is_some() {
            for verdict in verdict.hosts.values_mut() {
                (verdict.range, verdict.untimed) = (None, 0);
            }
            (verdict.range, verdict.untimed) = (None, 0);
        }
        self.range.fill(verdict);
    }

    /// A host's cursor as one of the fleet. None where it is not one that a secondary gives: a newer
    /// version may have another form, so the answer itself is not in doubt.
    pub fn wrap(&self, host: &str, direction: Direction, word: &str) -> Option<String> {
        let place = place_in(word.as_bytes()).filter(|(given, _)| *given == direction)?.1;
        self.word(direction, None, vec![HostPlace { host: host.to_owned(), key: None, bound: None, place }])
    }

    /// A cursor of the fleet. Where it is too long for a form, it does without what only confirms its
    /// places. None where it is too long even then: to leave out places would lose records or repeat
    /// them.
    pub fn word(
        &self,
        direction: Direction,
        boundary: Option<i64>,
        places: Vec<HostPlace>,
    ) -> Option<String> {
        let Paging { query, range: Instants { since, until }, .. } = *self;
        let mut cursor = Cursor { direction, query, since, until, boundary, places };
        let mut word = cursor.encode();
        if word.len() > self.room {
            cursor.places.iter_mut().for_each(|place| place.place.anchor = None);
            word = cursor.encode();
        }
        (word.len() <= self.room && Cursor::decode(word.as_bytes()).is_ok()).then_some(word)
    }
}

impl Came {
    /// A cursor that was changed may have any places. No more of them are held than a fleet that
    /// changes leaves over.
    fn new(mut cursor: Cursor, hosts: &[Arc<Host>]) -> Came {
        let asked: HashSet<&str> = hosts.iter().map(|host| &*host.name).collect();
        let mut room = 2 * hosts.len() + 16;
        let mut is_kept = |place: &HostPlace| {
            let is_asked = asked.contains(&*place.host);
            if !is_asked {
                room = room.saturating_sub(1);
            }
            is_asked || room > 0
        };
        cursor.places.retain(&mut is_kept);
        cursor.places.sort_by(|one, other| one.host.cmp(&other.host));
        cursor.places.dedup_by(|one, other| one.host == other.host);
        cursor.places.shrink_to_fit();
        let names = cursor.places.iter().enumerate();
        let others = names.filter(|(_, place)| !asked.contains(&*place.host)).map(|(number, _)| number);
        let others = others.collect();
        Came { cursor, others }
    }
}

/// The place in a secondary's cursor, and which way it goes. None where it is no such cursor.
pub fn place_in(word: &[u8]) -> Option<(Direction, Place)> {
    let cursor = Cursor::decode(word).ok()?;
    match &cursor.places[..] {
        [HostPlace { host, place, .. }] if host.is_empty() => Some((cursor.direction, *place)),
        _ => None,
    }
}

/// How an answer can be continued, if its verdict can carry cursors.
pub type WantedPaging = Option<Arc<Paging>>;
