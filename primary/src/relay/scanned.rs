//! How many bytes of its file a host has read at least, if it does not say so itself.

use backscroll_shared::wire::ndjson;

/// The bytes between the newest line that came and the oldest one.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Bytes of text that came.
    text: u64,
    /// The offset of the newest record, and that of the oldest one. Text has none.
    newest: Option<u64>,
    oldest: u64,
}

impl Scanned {
    /// Counts lines that came. The first one begins with what was held.
    pub(super) fn came(&mut self, held: &[u8], lines: &[u8], beginning: &[u8]) {
        if beginning.is_empty() {
            self.text += (held.len() + lines.len()) as u64;
            return;
        }
        let offset = |line: &[u8]| -> Option<u64> {
            let rest = line.strip_prefix(beginning)?;
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
        };
        let most = beginning.len() + ndjson::GOES_ON_BYTES;
        if self.newest.is_none() {
            let first: Vec<u8> = held.iter().chain(lines).copied().take(most).collect();
            self.newest = offset(&first);
            self.oldest = self.newest.unwrap_or_default();
        }
        let feed = lines.split_last().and_then(|(_, before)| memchr::memrchr(b'\n', before));
        if let Some(oldest) = feed.and_then(|feed| offset(&lines[feed + 1..])) {
            self.oldest = oldest;
        }
    }

    /// Counts bytes of a line that has begun to leave.
    pub(super) fn went_on(&mut self, bytes: usize) {
        if self.newest.is_none() {
            self.text += bytes as u64;
        }
    }

    /// How many bytes these are.
    pub(super) fn bytes(&self) -> u64 {
        self.newest.map_or(self.text, |newest| newest.saturating_sub(self.oldest) + 1)
    }
}
