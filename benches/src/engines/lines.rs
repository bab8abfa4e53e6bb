//! Lines of one length in memory, the same in each run, presented as a file of any size.
//!
//! The file is one mebibyte, repeated. So its blocks are in the processor's cache, like the few
//! blocks of a pool that are filled again and again.

use backscroll_shared::scan::Span;

/// A keyword in every line, near its beginning.
pub const EVERY: &[u8] = b" INFO GET /";
/// A keyword at the end of one line in [`RARITY`].
pub const RARE: &[u8] = b"needle-7f";
/// A keyword in no line, although each of its bytes is in the lines, except in the shortest ones.
pub const ABSENT: &[u8] = b"no-line-holds-this";
/// A keyword in no line, although all of it except its first byte, a frequent one, is in every
/// line. So the rare bytes that a search tries first are always found.
pub const NEARLY: &[u8] = b"eINFO GET /";
/// A keyword across the end of each line that ends with [`RARE`].
pub const ACROSS_RARE: &[u8] = b"needle-7f\n2026";
/// A keyword across the end of every line, which joins all of them.
pub const ACROSS_EVERY: &[u8] = b"\n2026-11-";
/// A keyword with a line feed that is nowhere.
pub const ACROSS_ABSENT: &[u8] = b"no-line-holds\nthis";

/// One line in so many contains [`RARE`].
pub const RARITY: u64 = 10_000;

/// The bytes that are repeated: a multiple of each block size that is compared.
const CHUNK: usize = 1 << 20;

/// The shortest line that can hold [`EVERY`], and [`RARE`] after it.
const SHORTEST: usize = 40;

/// Lines of one length, presented as a file that is read in blocks.
#[derive(Debug)]
pub struct Lines {
    plain: Vec<u8>,
    marked: Vec<u8>,
    /// The lines in a repeated part, and how many of them contain [`RARE`] if the part is marked.
    per_chunk: u64,
    marks: u64,
    /// The first of so many parts is marked.
    marked_every: u64,
    chunks: u64,
}

impl Lines {
    /// A file of at least `least_bytes` bytes in lines of `line_len` bytes, with their line feeds.
    /// The last line of each mebibyte is longer.
    ///
    /// # Panics
    /// If a line is shorter than 40 bytes.
    pub fn new(line_len: usize, least_bytes: u64) -> Lines {
        assert!(line_len >= SHORTEST, "a line has room for its keywords");
        let lines = (CHUNK / line_len) as u64;
        let marked_every = (RARITY / lines).max(1);
        let least_chunks = least_bytes.div_ceil(CHUNK as u64).max(1);
        let marks = if marked_every > 1 { 1 } else { (lines + RARITY / 2) / RARITY };
        Lines {
            plain: chunk(line_len, lines, |_| false),
            marked: chunk(line_len, lines, |line| line % RARITY == 0 && line / RARITY < marks),
            per_chunk: lines,
            marks,
            marked_every,
            chunks: least_chunks.next_multiple_of(marked_every),
        }
    }

    /// The bytes of the file.
    pub fn size(&self) -> u64 {
        self.chunks * CHUNK as u64
    }

    /// The lines of the file.
    pub fn lines(&self) -> u64 {
        self.chunks * self.per_chunk
    }

    /// The lines that contain [`RARE`].
    pub fn rare_lines(&self) -> u64 {
        self.chunks / self.marked_every * self.marks
    }

    /// The bytes at `span`, which must be within one mebibyte.
    pub fn block(&self, span: Span) -> &[u8] {
        let chunk = CHUNK as u64;
        let bytes =
            if (span.offset / chunk).is_multiple_of(self.marked_every) { &self.marked } else { &self.plain };
        let from = usize::try_from(span.offset % chunk).expect("less than a mebibyte");
        &bytes[from..from + span.len]
    }
}

fn chunk(line_len: usize, lines: u64, is_marked: impl Fn(u64) -> bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CHUNK);
    for line in 0..lines {
        let last = line + 1 == lines;
        let end = if last { CHUNK - 1 } else { bytes.len() + line_len - 1 };
        fill_line(&mut bytes, line, end);
        if is_marked(line) {
            bytes.truncate(end - RARE.len());
            bytes.extend_from_slice(RARE);
        }
        bytes.push(b'\n');
    }
    bytes
}

/// A line as in a web server's log, up to `end`: a time, then repeated fields.
fn fill_line(bytes: &mut Vec<u8>, line: u64, end: usize) {
    let (seconds, minutes) = (line % 60, line / 60 % 60);
    bytes.extend_from_slice(format!("2026-11-01 07:{minutes:02}:{seconds:02}").as_bytes());
    bytes.extend_from_slice(EVERY);
    let mut field = line;
    while bytes.len() < end {
        // An odd factor gives pseudo-random numbers that are the same in each run.
        field = field.wrapping_mul(7_919).wrapping_add(104_729) % 90_001;
        let text =
            format!("item-{field} worker={} bytes={field} took={}ms host=old-this ", field % 16, field % 400);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(bytes: &[u8], needle: &[u8]) -> u64 {
        bytes.windows(needle.len()).filter(|window| *window == needle).count() as u64
    }

    fn whole(lines: &Lines) -> Vec<u8> {
        let blocks = (0..lines.size() / 4096).map(|at| lines.block(Span { offset: at * 4096, len: 4096 }));
        blocks.collect::<Vec<_>>().concat()
    }

    #[test]
    fn each_keyword_stands_as_often_as_it_says() {
        for line_len in [40, 100, 4093] {
            let lines = Lines::new(line_len, 2 << 20);
            let file = whole(&lines);
            assert_eq!(file.len() as u64, lines.size());
            assert_eq!(count(&file, b"\n"), lines.lines());
            assert_eq!(count(&file, EVERY), lines.lines());
            assert_eq!(count(&file, RARE), lines.rare_lines());
            assert_eq!(count(&file, ACROSS_RARE), lines.rare_lines());
            assert_eq!(count(&file, ACROSS_EVERY), lines.lines() - 1);
            for absent in [ABSENT, NEARLY, ACROSS_ABSENT] {
                assert_eq!(count(&file, absent), 0);
            }
            assert!(line_len == 40 || ABSENT.iter().all(|byte| file.contains(byte)));
        }
    }

    #[test]
    fn about_one_line_in_ten_thousand_is_rare() {
        for line_len in [40, 100, 4093] {
            let lines = Lines::new(line_len, 8 << 20);
            let rarity = lines.lines() / lines.rare_lines();
            assert!((8_500..11_500).contains(&rarity), "{line_len}: one in {rarity}");
        }
    }
}
