//! How far each host has got, for the cursors of the whole answer.
//!
//! A record that a host has sent counts only once it is delivered. So what matters is the last record
//! of each host that is written, and the host's own cursor only where all its records are.

use super::merge::Merge;
use crate::paging::{NOWHERE, Paging, place_in};
use backscroll_shared::wire::cursor::{ANCHOR_BYTES, Bound, Digest, Direction, HostPlace, Place};
use backscroll_shared::wire::frames::Framed;
use backscroll_shared::wire::verdict::{Status, Stopped, Verdict};
use http::HeaderValue;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The places of the hosts of one answer.
#[derive(Debug)]
pub(super) struct Positions {
    paging: Arc<Paging>,
    hosts: Vec<Position>,
    /// The key of the last record that was delivered.
    boundary: Option<i64>,
    /// When the answer began, in nanoseconds since 1970.
    began: i64,
}

#[derive(Debug, Default)]
struct Position {
    /// The file at opening, as the host tells it.
    opened: Option<HeaderValue>,
    last: Option<Last>,
    own: Option<Own>,
}

/// The last record of a host that was delivered.
#[derive(Debug)]
struct Last {
    offset: u64,
    key: Option<i64>,
    /// Its first bytes and their number. None where it was cut, or is not held.
    beginning: Option<([u8; ANCHOR_BYTES], u8)>,
}

/// What a host says itself at its end.
#[derive(Debug)]
struct Own {
    older: Option<Place>,
    newer: Option<Place>,
    /// Whether it has nothing older.
    is_at_its_end: bool,
}

impl Positions {
    /// Of so many hosts.
    pub(super) fn new(paging: Arc<Paging>, hosts: usize) -> Positions {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Positions {
            paging,
            hosts: std::iter::repeat_with(Position::default).take(hosts).collect(),
            boundary: None,
            began: i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX),
        }
    }

    /// Notes the file that a host has opened.
    pub(super) fn opened(&mut self, host: usize, file: HeaderValue) {
        self.hosts[host].opened = Some(file);
    }

    /// Notes that a record is delivered. `key`: that of the merge. `is_whole`: whether its bytes are
    /// at hand.
    pub(super) fn delivered(&mut self, host: usize, framed: &Framed, key: Option<i64>, is_whole: bool) {
        let beginning = (is_whole && framed.truncated_lines == 0).then(|| {
            let mut bytes = [0; ANCHOR_BYTES];
            let len = framed.bytes.len().min(ANCHOR_BYTES);
            bytes[..len].copy_from_slice(&framed.bytes[..len]);
            (bytes, u8::try_from(len).unwrap_or(u8::MAX))
        });
        self.boundary = Some(key.unwrap_or(i64::MIN));
        self.hosts[host].last = Some(Last { offset: framed.offset, key, beginning });
    }

    /// Notes the verdict of a host whose records are all delivered.
    pub(super) fn ended(&mut self, host: usize, verdict: &Verdict) {
        let place = |word: &Option<String>, direction| {
            let (given, place) = place_in(word.as_ref()?.as_bytes())?;
            (given == direction).then_some(place)
        };
        let older = place(&verdict.older, Direction::Older);
        let is_at_its_end = verdict.older.is_none()
            && verdict.status == Status::Complete
            && matches!(verdict.stopped, Some(Stopped::Exhausted | Stopped::Since));
        let newer = place(&verdict.newer, Direction::Newer);
        self.hosts[host].own = Some(Own { older, newer, is_at_its_end });
    }

    /// Lets the merge go on where an earlier answer ended: so the order of all pages is that of one
    /// answer.
    pub(super) fn begin<T>(&self, names: &[String], merge: &mut Merge<T>) {
        if self.paging.direction() != Some(Direction::Older) {
            return;
        }
        for (host, name) in names.iter().enumerate() {
            if self.has_nothing_left(name) {
                merge.mark(host, i64::MIN);
            } else if let Some(key) = self.paging.place(name).and_then(|place| place.key) {
                merge.goes_on(host, key);
            } else if let Some(Bound { side: Direction::Older, at }) = self.paging.bound(name) {
                merge.mark(host, at);
            } else if let Some(boundary) = self.paging.boundary() {
                merge.mark(host, boundary);
            }
        }
    }

    /// Whether the host has nothing to deliver for this request, as an earlier answer has found.
    pub(super) fn has_nothing_left(&self, name: &str) -> bool {
        self.paging.direction() == Some(Direction::Older)
            && !self.paging.is_by_time(name)
            && self.paging.place(name).is_some_and(|place| place.place.offset == place.place.floor)
    }

    /// Adds the range of times that was asked for.
    pub(super) fn add_range(&self, verdict: &mut Verdict) {
        self.paging.add_range(verdict);
    }

    /// The cursor for what is further back. `hosts`: the number of each, and of the one that is asked
    /// in its place.
    pub(super) fn older(
        &self,
        names: &[String],
        hosts: impl Iterator<Item = (usize, usize)>,
    ) -> Option<String> {
        let places = hosts.filter_map(|(host, asked)| {
            let place = self.older_place(&names[asked], asked)?;
            Some(HostPlace { host: names[host].clone(), ..place })
        });
        let others = self.paging.others().map(|came| match self.paging.direction() {
            // All of its newer records are left to the newer pages.
            Some(Direction::Newer) => nothing_left(came),
            _ => came.clone(),
        });
        self.paging.word(Direction::Older, self.last_boundary(), places.chain(others).collect())
    }

    /// The cursor for what has come since.
    pub(super) fn newer(
        &self,
        names: &[String],
        hosts: impl Iterator<Item = (usize, usize)>,
    ) -> Option<String> {
        let boundary = match self.paging.direction() {
            // The newer records of a host without a place have still not come.
            Some(Direction::Newer) => self.paging.boundary(),
            _ => self.last_boundary().or(Some(self.began)),
        };
        let mut places = Vec::new();
        for (host, asked) in hosts {
            let name = &names[asked];
            match (self.newer_place(name, asked), self.paging.place(name)) {
                (Some(place), _) => places.push(HostPlace { host: names[host].clone(), ..place }),
                (None, None) if self.hosts[asked].last.is_none() => {}
                // By time, its records would come twice.
                (None, _) => return None,
            }
        }
        places.extend(self.paging.others().map(|came| match self.paging.direction() {
            Some(Direction::Older) => newer_than_all(came),
            _ => came.clone(),
        }));
        self.paging.word(Direction::Newer, boundary, places)
    }

    /// The time of the last record that was delivered on this page and those before it. This page may
    /// have nothing but what a host had failed to send for an earlier one.
    fn last_boundary(&self) -> Option<i64> {
        let is_older = self.paging.direction() == Some(Direction::Older);
        let before = self.paging.boundary().filter(|_| is_older);
        before.into_iter().chain(self.boundary).min()
    }

    /// Where the host goes on further back.
    fn older_place(&self, name: &str, host: usize) -> Option<HostPlace> {
        let Position { opened, last, own } = &self.hosts[host];
        let (direction, came) = (self.paging.direction(), self.paging.place(name));
        let bound = self.paging.bound(name);
        let is_at_its_end = own.as_ref().is_some_and(|own| own.is_at_its_end);
        if self.paging.is_by_time(name) && last.is_none() {
            // Time still decides. All of its newer records are left to the newer pages.
            return match (direction, bound) {
                (Some(Direction::Newer), _) => Some(at(NOWHERE, None, bound)),
                (_, Some(Bound { at: time, .. })) => {
                    let side = if is_at_its_end { Direction::Newer } else { Direction::Older };
                    Some(at(NOWHERE, None, Some(Bound { side, at: time })))
                }
                (_, None) => None,
            };
        }
        let came = came.filter(|_| !self.paging.is_by_time(name));
        let key = last.as_ref().map_or_else(|| came.and_then(|came| came.key), |last| last.key);
        // What is newer than a newer page's own part is not bounded any more.
        let bound = bound.filter(|_| direction == Some(Direction::Older) || came.is_none());
        if let Some(place) = own.as_ref().and_then(|own| own.older) {
            return Some(at(place, key, bound));
        }
        let opened = opened.as_ref().and_then(|word| Some(place_in(word.as_bytes())?.1));
        let whole = match (direction, came, opened) {
            (Some(Direction::Older), Some(came), opened) => {
                Place { file: opened.unwrap_or(came.place).file, ..came.place }
            }
            (Some(Direction::Newer), Some(came), Some(opened)) => {
                Place { floor: came.place.offset.min(opened.offset), anchor: None, ..opened }
            }
            (_, None, Some(opened)) => Place { floor: 0, anchor: None, ..opened },
            (Some(Direction::Newer), Some(came), None) => nothing_left(came).place,
            (_, None, None) if last.is_some() => NOWHERE,
            (_, None, None) | (None, Some(_), _) => return None,
        };
        if is_at_its_end {
            return Some(at(Place { offset: whole.floor, anchor: None, ..whole }, key, bound));
        }
        let Some(Last { offset, beginning, .. }) = last else { return Some(at(whole, key, bound)) };
        let anchor = beginning.map(|(bytes, len)| Digest::anchor(&bytes[..usize::from(len)]));
        // A host may say any number.
        let (floor, end) = (whole.floor.min(*offset), whole.end.max(*offset));
        Some(at(Place { offset: *offset, floor, end, anchor, ..whole }, key, bound))
    }

    /// Where the host goes on with what comes since.
    fn newer_place(&self, name: &str, host: usize) -> Option<HostPlace> {
        let Position { opened, last, own } = &self.hosts[host];
        let opened = opened.as_ref().and_then(|word| Some(place_in(word.as_bytes())?.1));
        let of_own = own.as_ref().and_then(|own| own.newer);
        let (came, bound) = (self.paging.place(name), self.paging.bound(name));
        let is_at_its_end = own.as_ref().is_some_and(|own| own.is_at_its_end);
        match (self.paging.direction(), came) {
            // Newer than the first one of these answers.
            (Some(Direction::Older), Some(came)) => Some(newer_than_all(came)),
            (Some(Direction::Older), None) => {
                if let Some(Bound { at: time, .. }) = bound {
                    return Some(at(NOWHERE, None, Some(Bound { side: Direction::Newer, at: time })));
                }
                let opened = opened.filter(|_| last.is_some())?;
                Some(at(Place::newer(opened.file, opened.offset, None), None, None))
            }
            (Some(Direction::Newer), came)
                if self.paging.is_by_time(name) && last.is_none() && !is_at_its_end =>
            {
                came.cloned()
            }
            (_, came) => {
                let came = came.map(|came| came.place).filter(|_| !self.paging.is_by_time(name));
                Some(at(of_own.or(opened).or(came)?, None, None))
            }
        }
    }
}

/// A place whose host is named elsewhere.
fn at(place: Place, key: Option<i64>, bound: Option<Bound>) -> HostPlace {
    HostPlace { host: String::new(), key, bound, place }
}

/// For the older pages of a newer one: what stood in the way of a host's newer records is left to
/// other pages, and so are those.
fn nothing_left(came: &HostPlace) -> HostPlace {
    HostPlace { place: Place { floor: came.place.offset, ..came.place }, ..came.clone() }
}

/// The place for what is newer than all pages of a cursor for older records.
fn newer_than_all(came: &HostPlace) -> HostPlace {
    let HostPlace { bound, place, .. } = came;
    let (place, bound) = match *bound {
        // Time decides about them, too.
        Some(Bound { side: Direction::Older, at }) => (NOWHERE, Some(Bound { side: Direction::Newer, at })),
        bound if place.file == NOWHERE.file => (NOWHERE, bound),
        _ => (Place::newer(place.file, place.end, None), None),
    };
    HostPlace { key: None, bound, place, ..came.clone() }
}
