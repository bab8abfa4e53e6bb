//! A time as it stands in a line, and how far from the line's beginning it is searched for.

use super::date::Stamp;

/// A time has to begin within this many bytes from the beginning of a line. In an access log it
/// stands after an address, a name and perhaps a bucket, as a field after a few others. It may end
/// later: it is read to its end.
pub(super) const HEAD: usize = 256;

/// A time as written in a line.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'a> {
    /// Nanoseconds since the epoch.
    Epoch(i64),
    /// A date and a time of day.
    Civil(Stamp<'a>),
}
