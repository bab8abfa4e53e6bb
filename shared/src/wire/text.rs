//! Records as plain text.

use crate::scan::Record;

/// Appends a record: its lines byte for byte, each ended by one line feed.
pub fn encode(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(record.bytes);
    out.push(b'\n');
}
