//! The file of a simulated host: which of its records a query asks for, and where they are continued.

use super::simulated::Entry;
use backscroll_shared::query::range::Edge;
use backscroll_shared::query::{Audience, LogQuery};
use backscroll_shared::wire::cursor::{Cursor, Digest, Direction, FileId, HostPlace, Place};
use backscroll_shared::wire::verdict::{Status, Stopped, Verdict};

/// What one query finds in a file.
pub(crate) struct Found<'e> {
    pub(crate) query: LogQuery,
    file: FileId,
    /// Where the file ends.
    size: u64,
    floor: u64,
    end: u64,
    /// All that it asks for, newest first.
    pub(crate) wanted: Vec<&'e Entry>,
}

impl<'e> Found<'e> {
    /// In the file of the host of this name. The query must be one that a secondary takes: its cursor
    /// belongs to it, and leads to this file.
    pub(crate) fn new(host: &str, entries: &'e [Entry], query: &str) -> Found<'e> {
        let query =
            LogQuery::parse(query, Audience::Secondary).unwrap_or_else(|why| panic!("{query}: {why:?}"));
        let file = FileId { device: 1, inode: 2, head_len: 3, head: Digest::of(host.as_bytes()) };
        let size = entries.first().map_or(0, |entry| entry.offset + entry.text.len() as u64 + 1);
        let (mut window, mut end) = (0..size, size);
        if let Some(cursor) = &query.cursor {
            let [HostPlace { host: of, place, .. }] = &cursor.places[..] else { panic!("{cursor:?}") };
            assert!(of.is_empty() && place.file == file, "{host}: {cursor:?}");
            if let Some(anchor) = place.anchor.filter(|_| cursor.direction == Direction::Older) {
                let at =
                    entries.iter().find(|entry| entry.offset == place.offset).expect("a record's beginning");
                assert_eq!(anchor, Digest::anchor(at.text.as_bytes()));
            }
            (window, end) = match cursor.direction {
                Direction::Older => (place.floor..place.offset, place.end),
                Direction::Newer => (place.offset..size, size),
            };
        }
        let instant = |edge: Option<Edge>| match edge {
            Some(Edge::At(nanos)) => Some(nanos),
            None => None,
            Some(other) => panic!("{other:?}"),
        };
        let (since, until) = (instant(query.range.since), instant(query.range.until));
        let is_in_range = |entry: &Entry| {
            let Some(stamp) = entry.stamp else { return true };
            since.is_none_or(|since| since <= stamp.nanos) && until.is_none_or(|until| stamp.nanos < until)
        };
        let wanted = entries.iter().filter(|entry| window.contains(&entry.offset) && is_in_range(entry));
        let wanted = wanted.collect();
        Found { query, file, size, floor: window.start, end, wanted }
    }

    /// The private field of the head.
    pub(crate) fn field(&self) -> String {
        format!("Backscroll-File: {}\r\n", self.newer(self.size))
    }

    /// The verdict after so many records.
    pub(crate) fn verdict(&self, sent: usize) -> Verdict {
        let is_all = sent == self.wanted.len();
        let older = self.wanted[..sent].last().map_or(self.end, |entry| entry.offset);
        let place = Place { file: self.file, offset: older, floor: self.floor, end: self.end, anchor: None };
        Verdict {
            lines: sent as u64,
            bytes_scanned: 100,
            stopped: Some(if is_all { Stopped::Exhausted } else { Stopped::N }),
            more: Some(!is_all),
            older: (!is_all).then(|| self.word(Direction::Older, place)),
            newer: Some(self.newer(self.end)),
            ..Verdict::new(Status::Complete)
        }
    }

    /// The verdict after so many records, if the time was over then.
    pub(crate) fn late(&self, sent: usize) -> Verdict {
        let place =
            Place { file: self.file, offset: self.end, floor: self.floor, end: self.end, anchor: None };
        let older = self.wanted[..sent].last().map_or(place, |entry| Place { offset: entry.offset, ..place });
        Verdict {
            status: Status::Partial,
            stopped: Some(Stopped::Timeout),
            more: None,
            older: Some(self.word(Direction::Older, older)),
            ..Verdict::failed("timeout".into(), "time is over".to_owned())
        }
    }

    fn newer(&self, offset: u64) -> String {
        self.word(Direction::Newer, Place::newer(self.file, offset, None))
    }

    fn word(&self, direction: Direction, place: Place) -> String {
        let places = vec![HostPlace { host: String::new(), key: None, bound: None, place }];
        let query = self.query.digest();
        Cursor { direction, query, since: None, until: None, boundary: None, places }.encode()
    }
}
