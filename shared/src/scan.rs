//! Blocks in, from the end of a window of a file to its start; records out, newest first.
//!
//! Nothing here opens a file, reads a clock or knows a runtime, so the same state machine
//! runs over both read engines, and in property tests at block sizes of one byte. Its user knows
//! four nouns:
//!
//! - [`Window`]: the part of the file that is searched;
//! - [`ReadPlan`]: which bytes come next, and how many reads may be under way;
//! - [`Search`]: fed those bytes, it yields each [`Record`] or says what it needs;
//! - [`Summary`]: what the verdict says of the search so far.
//!
//! What a record must contain is in [`filter`](crate::filter).

mod block_matcher;
mod cut_line;
mod excerpt;
mod joined;
mod limits;
mod lines;
mod open_line;
mod plan;
mod record;
mod search;
mod window;

pub use block_matcher::{BlockMatcher, BlockMatches};
pub use limits::Limits;
pub use plan::{RAMP, ReadPlan, Stage};
pub use record::{Record, Step, Summary};
pub use search::Search;
pub use window::{Span, Window};

#[cfg(test)]
mod tests;
