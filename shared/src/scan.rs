//! Blocks in, from a file's end to its start; records out, newest first.
//!
//! Nothing here opens a file, reads a clock or knows a runtime, so the same state machine
//! runs over both read engines, in property tests at block sizes of one byte, and under a
//! fuzzer. Its user knows three nouns:
//!
//! - [`ReadPlan`]: which bytes come next, and how many reads may be under way;
//! - [`Search`]: fed those bytes, it yields each [`Record`] or says what it needs;
//! - [`Summary`]: what the verdict says of the search so far.

mod cut_line;
mod examine;
mod keyword;
mod lines;
mod matcher;
mod nuls;
mod open_line;
mod plan;
mod search;
mod spans;

pub use examine::{Examiner, Hits};
pub use nuls::is_all_nul;
pub use plan::{RAMP, ReadPlan, Span, Stage};
pub use search::{Limits, Record, Search, Step, Summary};

#[cfg(test)]
mod tests;
