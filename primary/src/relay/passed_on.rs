//! What the lines of one answer look like to the client, for the fuzz targets.

use super::lines::Lines;
use crate::capacity::lines::LineMemory;
use bytes::Bytes;

/// What leaves of an answer, and how that went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedOn {
    /// The bytes that leave.
    pub bytes: Vec<u8>,
    /// Lines that have left.
    pub lines: u64,
    /// Why the host's answer is not taken any further.
    pub error: Option<String>,
    /// Whether the end of a line has not come.
    pub is_in_a_line: bool,
}

impl PassedOn {
    /// Of an answer whose lines begin like this, and that comes in these chunks.
    pub fn of<'c>(beginning: &[u8], chunks: impl IntoIterator<Item = &'c [u8]>) -> PassedOn {
        let mut lines = Lines::new(beginning.to_vec(), LineMemory::default());
        let mut passed_on = PassedOn::default();
        for chunk in chunks {
            let taken = lines.take(Bytes::copy_from_slice(chunk));
            passed_on.bytes.extend(lines.ready.drain(..).flatten());
            if let Err(error) = taken {
                passed_on.error = Some(error.to_string());
                break;
            }
        }
        passed_on.lines = lines.count;
        passed_on.is_in_a_line = lines.is_in_a_line();
        passed_on
    }
}
