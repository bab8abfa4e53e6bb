//! What is delivered of a line that is longer than the line limit.

use super::window::Span;

/// What is delivered of a line of `len` bytes at `offset` instead of its beginning: where the
/// first match does not lie in that, `limit` bytes with the match in their middle.
pub(super) fn excerpt(offset: u64, len: u64, first_match: Option<Span>, limit: usize) -> Option<Span> {
    let (end, first) = (offset + len, first_match?);
    if len <= limit as u64 || first.end() <= offset + limit as u64 {
        return None;
    }
    let before = limit.saturating_sub(first.len) as u64 / 2;
    let from = first.offset.saturating_sub(before).min(end - limit as u64).max(offset);
    Some(Span { offset: from, len: limit })
}
