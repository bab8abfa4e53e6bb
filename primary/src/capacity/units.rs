//! How bytes are counted against a limit.

/// Bytes of an unfinished line or record that every answer may hold for each of its hosts without
/// a permit. Most lines are shorter. A thousand answers of three hosts each hold 24 MiB of them.
pub const FREE_BYTES: usize = 8 << 10;

/// Bytes that one permit stands for.
pub(super) const UNIT_BYTES: usize = 4 << 10;

/// How many permits are needed for this many bytes.
pub(super) fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}
