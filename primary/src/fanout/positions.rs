//! How far each host has got, for the cursors of the whole answer.
//!
//! A record that a host has sent counts only once it is delivered. So what matters is the last record
//! of each host that is written, and the host's own cursor only where all its records are.

use super::merge::Merge;
use crate::paging::{Paging, place_in};
use backscroll_shared::wire::cursor::{ANCHOR_BYTES, Digest, Direction, FileId, HostPlace, Place};
use backscroll_shared::wire::frames::Framed;
use backscroll_shared::wire::verdict::{Status, Stopped, Verdict};
use http::HeaderValue;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The file of a place in which nothing is left, or whose file the host has not told. No file is like
/// that, so what cannot be continued is not found either.
const NO_FILE: FileId = FileId { device: 0, inode: 0, head_len: 0, head: Digest(0) };

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
            } else if let Some(boundary) = self.paging.boundary() {
                merge.mark(host, boundary);
            }
        }
    }

    /// Whether the host has nothing to deliver for this request, as an earlier answer has found.
    pub(super) fn has_nothing_left(&self, name: &str) -> bool {
        let is_older = self.paging.direction() == Some(Direction::Older);
        is_older && self.paging.place(name).is_some_and(|place| place.place.offset == place.place.floor)
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
        let boundary = self.boundary.or_else(|| match self.paging.direction() {
            Some(Direction::Older) => self.paging.boundary(),
            _ => None,
        });
        let places = hosts.filter_map(|(host, asked)| {
            let (place, key) = self.older_place(&names[asked], asked)?;
            Some(HostPlace { host: names[host].clone(), key, place })
        });
        let places: Vec<_> = places.collect();
        // It would be one that begins anew.
        if places.is_empty() && boundary.is_none() {
            return None;
        }
        self.paging.word(Direction::Older, boundary, places)
    }

    /// The cursor for what has come since.
    pub(super) fn newer(
        &self,
        names: &[String],
        hosts: impl Iterator<Item = (usize, usize)>,
    ) -> Option<String> {
        let of_before = self.paging.boundary();
        let boundary = match self.paging.direction() {
            // The newer records of a host without a place have still not come.
            Some(Direction::Newer) => of_before,
            _ => self.boundary.or(of_before).or(Some(self.began)),
        };
        let mut places = Vec::new();
        for (host, asked) in hosts {
            let name = &names[asked];
            match (self.newer_place(name, asked), self.paging.place(name)) {
                (Some(place), _) => {
                    places.push(HostPlace { host: names[host].clone(), key: None, place });
                }
                (None, None) if self.hosts[asked].last.is_none() => {}
                // By time, its records would come twice.
                (None, _) => return None,
            }
        }
        self.paging.word(Direction::Newer, boundary, places)
    }

    fn older_place(&self, name: &str, host: usize) -> Option<(Place, Option<i64>)> {
        let Position { opened, last, own } = &self.hosts[host];
        let came = self.paging.place(name);
        let opened = opened.as_ref().and_then(|word| Some(place_in(word.as_bytes())?.1));
        let key = last.as_ref().map_or_else(|| came.and_then(|came| came.key), |last| last.key);
        if let Some(place) = own.as_ref().and_then(|own| own.older) {
            return Some((place, key));
        }
        let direction = self.paging.direction();
        let floor = match (direction, came) {
            (Some(Direction::Older), Some(came)) => came.place.floor,
            (Some(Direction::Newer), Some(came)) => came.place.offset,
            _ => 0,
        };
        let file = opened.map(|place| place.file).or_else(|| came.map(|came| came.place.file));
        if own.as_ref().is_some_and(|own| own.is_at_its_end) {
            return Some((Place { file: file.unwrap_or(NO_FILE), offset: floor, floor, anchor: None }, key));
        }
        if let Some(last) = last {
            let anchor = last.beginning.map(|(bytes, len)| Digest::anchor(&bytes[..usize::from(len)]));
            let floor = floor.min(last.offset);
            return Some((Place { file: file.unwrap_or(NO_FILE), offset: last.offset, floor, anchor }, key));
        }
        match (direction, came) {
            (Some(Direction::Older), Some(came)) => {
                Some((Place { file: file.unwrap_or(NO_FILE), ..came.place }, key))
            }
            // All of its newer records are left to the newer pages.
            (Some(Direction::Newer), None) if opened.is_none() => {
                Some((Place { file: NO_FILE, offset: 0, floor: 0, anchor: None }, None))
            }
            _ => {
                let opened = opened?;
                let floor = floor.min(opened.offset);
                Some((Place { floor, anchor: None, ..opened }, key))
            }
        }
    }

    fn newer_place(&self, name: &str, host: usize) -> Option<Place> {
        let Position { opened, own, .. } = &self.hosts[host];
        if let Some(place) = own.as_ref().and_then(|own| own.newer) {
            return Some(place);
        }
        if let Some(word) = opened {
            return Some(place_in(word.as_bytes())?.1);
        }
        let is_newer = self.paging.direction() == Some(Direction::Newer);
        is_newer.then(|| self.paging.place(name).map(|came| came.place)).flatten()
    }
}
