//! The records of several hosts as one answer, newest first.
//!
//! ```text
//! hosts ──► source × N ──► merge ──► write ──► body
//!           one question,  newest    text or   pulled by
//!           frames, one    of all    NDJSON    the client
//!           chunk held               verdict
//! ```
//!
//! More is read from a host only once what it has sent has left, so the answer holds at most one
//! chunk of each host. Nothing is read unless the client reads. Once `n` records have left, every
//! host is dropped, which stops its reading.
//!
//! [`state::Fanout`] is one such answer. `fill` is its loop, which uses `take` (what comes from a
//! host), `long` (long records), `late` (hosts that are too slow) and `end` (the verdict). `body`
//! is how it leaves. [`listing`] does the same for the lists of files.

pub mod body;
mod end;
mod fill;
mod late;
mod lateness;
pub mod listing;
mod long;
pub mod merge;
mod positions;
mod search;
pub mod source;
pub mod state;
mod take;
mod time_limit;
mod twins;
pub mod verdict;
pub mod write;
