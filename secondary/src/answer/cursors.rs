//! The cursors of an answer: where others continue, further back and with what has come since.

use super::producer::{Reached, Tracked};
use backscroll_shared::wire::cursor::{Cursor, Digest, Direction, FileId, HostPlace, Place};
use backscroll_shared::wire::verdict::{Stopped, Verdict};

/// What the cursors of an answer are made of.
#[derive(Debug)]
pub struct Cursors {
    /// The query that they belong to.
    pub query: Digest,
    /// Its time range, in nanoseconds since 1970.
    pub since: Option<i64>,
    /// The end of that range.
    pub until: Option<i64>,
    /// The file that is read. None until its first bytes are known.
    pub file: Option<FileId>,
    /// What stands before this offset belongs to an earlier answer.
    pub floor: u64,
    /// Records that begin at this offset or later belong to an earlier answer, too.
    pub settled: u64,
    /// Where newer records begin: the end of the file at the opening, of the first of several pages.
    pub end: u64,
    /// The place with which newer records begin, if it is known already.
    pub newer: Option<Place>,
    /// Whether that place is in a file that has taken the place of this one, and has something.
    pub leads_on: bool,
    /// The place of the cursor that the request came with: its offset and its anchor.
    pub from: Option<(u64, Option<Digest>)>,
}

impl Cursors {
    /// What a producer has to note.
    pub(super) fn tracked(&self) -> Tracked {
        let wants_end = self.newer.is_none() || self.leads_on;
        Tracked { floor: self.floor, end: self.end, wants_end }
    }

    /// Says in the verdict where others continue. It is left open if the file is not known. `reached`:
    /// how far the records have come.
    pub(super) fn write(&self, reached: &Reached, verdict: &mut Verdict) {
        let Some(file) = self.file else { return };
        let Reached { offset, anchor, .. } = *reached;
        let is_exhausted = matches!(verdict.stopped, Some(Stopped::Exhausted | Stopped::Since));
        if offset > self.floor && !is_exhausted {
            let anchor = anchor.or(self.from.filter(|(from, _)| *from == offset).and_then(|(_, a)| a));
            let place = Place { file, offset, floor: self.floor, end: self.end, anchor };
            verdict.older = Some(self.cursor(Direction::Older, place));
        }
        verdict.newer = self.newer(reached);
        if self.leads_on {
            verdict.more = Some(true);
        }
    }

    /// The cursor for newer records, as far as it is known now.
    fn newer(&self, reached: &Reached) -> Option<String> {
        match self.newer {
            Some(newer) => Some(self.cursor(Direction::Newer, newer)),
            None => self.opened(reached),
        }
    }

    /// The cursor for what comes after the opening of the file that is read. It names that file also
    /// where newer records are in another one.
    pub(super) fn opened(&self, reached: &Reached) -> Option<String> {
        let here = || Some(Place::newer(self.file?, self.end, reached.end_anchor));
        Some(self.cursor(Direction::Newer, self.newer.filter(|_| !self.leads_on).or_else(here)?))
    }

    fn cursor(&self, direction: Direction, place: Place) -> String {
        let Cursors { query, since, until, .. } = *self;
        let places = vec![HostPlace { host: String::new(), key: None, bound: None, place }];
        Cursor { direction, query, since, until, boundary: None, places }.encode()
    }
}
