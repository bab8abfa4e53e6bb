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
//! the newer ones. So nothing is lost and nothing comes twice.

mod questions;

pub use questions::Questions;

use backscroll_shared::limits::BODY_BYTES;
use backscroll_shared::query::LogQuery;
use backscroll_shared::query::range::Instants;
use backscroll_shared::wire::cursor::{Cursor, Digest, Direction, HostPlace, Place};
use backscroll_shared::wire::verdict::Verdict;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of a form beside the query and the cursor: the name of the parameter, and some more that a
/// client adds.
const FORM_BYTES: usize = 256;

/// How the answer to one request can be continued.
#[derive(Debug)]
pub struct Paging {
    /// The query, for its cursors.
    query: Digest,
    /// Its time range, as far as it is the same on all hosts.
    range: Instants,
    /// The cursor that the request came with.
    came: Option<Came>,
    /// Bytes of a cursor that fits into a form together with the query.
    room: usize,
}

/// The cursor that a request came with.
#[derive(Debug)]
struct Came {
    cursor: Cursor,
    /// The number of each host's place in it.
    hosts: HashMap<String, usize>,
}

impl Paging {
    /// Takes the cursor out of a query, which was parsed from this text.
    pub fn of(query: &mut LogQuery, text: &str) -> Paging {
        let digest = query.digest();
        let came = query.cursor.take().map(Came::new);
        let cursor_bytes = came.as_ref().map_or(0, |came| came.cursor.encode().len());
        let query_bytes = text.len().saturating_sub(cursor_bytes) + FORM_BYTES;
        Paging {
            query: digest,
            range: query.range.instants(),
            came,
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
        let came = self.came.as_ref()?;
        came.hosts.get(host).map(|number| &came.cursor.places[*number])
    }

    /// The cursor of this request again, if it goes this way. For an answer that delivered nothing.
    pub fn again(&self, direction: Direction) -> Option<String> {
        let came = self.came.as_ref().filter(|came| came.cursor.direction == direction)?;
        Some(came.cursor.encode())
    }

    /// Adds the range of times that was asked for, where it is the same on all hosts.
    pub fn add_range(&self, verdict: &mut Verdict) {
        self.range.fill(verdict);
    }

    /// A host's cursor as one of the fleet. None where it is not one that a secondary gives: a newer
    /// version may have another form, so the answer itself is not in doubt.
    pub fn wrap(&self, host: &str, direction: Direction, word: &str) -> Option<String> {
        let place = place_in(word.as_bytes()).filter(|(given, _)| *given == direction)?.1;
        self.word(direction, None, vec![HostPlace { host: host.to_owned(), key: None, place }])
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
    fn new(cursor: Cursor) -> Came {
        let names = cursor.places.iter().enumerate();
        let hosts = names.map(|(number, place)| (place.host.clone(), number)).collect();
        Came { cursor, hosts }
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
