//! Takes blocks, from the end of a window of a file to its start, and yields records, newest first.
//!
//! Nothing here opens a file, reads a clock or knows a runtime. So the same state machine runs with
//! both read engines, and in property tests with blocks of one byte. A caller needs four types:
//!
//! - [`Window`]: the part of the file that is searched.
//! - [`ReadPlan`]: which bytes to read next, and how many reads may be under way.
//! - [`Search`]: takes those bytes, and yields each [`Record`] or says what it needs.
//! - [`Summary`]: what the verdict says of the search so far.
//!
//! [`filter`](crate::filter) says what a record must contain.

mod block_matcher;
mod cut_line;
mod excerpt;
mod joined;
mod limits;
mod lines;
mod open_line;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(feature = "fuzzing"), expect(unreachable_pub, reason = "public to the fuzz targets alone"))]
pub(crate) mod oracle;
mod plan;
mod record;
mod search;
mod window;

pub use block_matcher::{BlockMatcher, BlockMatches, Looking};
pub use limits::Limits;
pub use plan::{RAMP, ReadPlan, Stage};
pub use record::{Record, Step, Summary};
pub use search::Search;
pub use window::{Span, Window};

#[cfg(test)]
mod tests;
