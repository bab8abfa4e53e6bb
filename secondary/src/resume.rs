//! Finds the place of a cursor again: the file, and where in it the answer goes on.
//!
//! The file may have been renamed since, copied and emptied, or it may have grown. A cursor names its
//! file by device and inode, by a hash of its first bytes, and by a hash of what stands at the place.
//! Only the file of the query and its rotated members are looked at, as far as the caller may see
//! them: a cursor gives no rights.
//!
//! - `candidate` compares one file with a place. `search` finds the one among the files.
//! - `place` decides which part of the file is read.

mod candidate;
mod place;
mod search;

pub(crate) use search::{Files, find};

use crate::catalog::LogFile;
use crate::read::head::Head;
use backscroll_shared::scan::Window;
use backscroll_shared::wire::cursor::{Digest, Place};

/// The file in which an answer goes on.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) log: LogFile,
    /// Its first bytes.
    pub(crate) head: Head,
    /// What is read of it.
    pub(crate) rest: Rest,
}

/// What is read of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    /// The part of it.
    pub(crate) window: Window,
    /// Records that begin here or later belong to an earlier answer.
    pub(crate) settled: u64,
    /// Where newer records begin in this file.
    pub(crate) end: u64,
    /// The place with which newer records begin, if it is known already.
    pub(crate) newer: Option<Place>,
    /// Whether that place is in a file that has taken the place of this one, and has something.
    pub(crate) leads_on: bool,
    /// The place of the cursor: its offset and its anchor.
    pub(crate) from: Option<(u64, Option<Digest>)>,
}

impl Rest {
    /// All of a file of `size` bytes.
    pub(crate) fn whole(size: u64) -> Rest {
        let window = Window::whole(size);
        Rest { window, settled: size, end: size, newer: None, leads_on: false, from: None }
    }
}
