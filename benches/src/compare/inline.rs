//! The cost of reading backwards alone: `pread` in one thread, into page-aligned blocks like those
//! of the servers.

use anyhow::Result;
use backscroll_secondary::read::block::BLOCK_BYTES;
use backscroll_shared::scan::Span;
use memchr::memmem::Finder;
use memmap2::MmapMut;
use rustix::io::{Errno, pread};
use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::Path;
use std::rc::Rc;

/// Counts `keyword` in a file, read from its end to its beginning. No search that reads in this way
/// can be faster. It does not find lines, only the keyword.
pub fn count_backwards(path: &Path, keyword: &[u8]) -> Result<u64> {
    let file = File::open(path)?;
    let finder = Finder::new(keyword);
    let overlap = keyword.len().saturating_sub(1);
    // After each block stands the beginning of the newer one, for a keyword across the edge.
    let mut memory = MmapMut::map_anon(BLOCK_BYTES + overlap)?;
    let (mut count, mut end, mut behind) = (0, file.metadata()?.len(), 0);
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES as u64).next_multiple_of(PAGE);
        let len = usize::try_from(end - start)?;
        memory.copy_within(..behind, len);
        read_exact_at(&file, &mut memory[..len], start)?;
        count += finder.find_iter(&memory[..len + behind]).count() as u64;
        behind = overlap.min(len + behind);
        end = start;
    }
    Ok(count)
}

/// The page size, to which reads are aligned.
const PAGE: u64 = 4096;

/// Fills `memory` with the bytes from `offset` on.
fn read_exact_at(file: &File, memory: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < memory.len() {
        match pread(file, &mut memory[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => done += len,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Blocks that one thread reuses.
#[derive(Debug, Clone, Default)]
pub struct Blocks(Rc<RefCell<Vec<MmapMut>>>);

impl Blocks {
    /// Reads the bytes of `span` into a block.
    pub fn read(&self, file: &File, span: Span) -> io::Result<Block> {
        let free = self.0.borrow_mut().pop();
        let mut map = match free {
            Some(map) => map,
            None => MmapMut::map_anon(BLOCK_BYTES)?,
        };
        read_exact_at(file, &mut map[..span.len], span.offset)?;
        Ok(Block { map: Some(map), len: span.len, home: self.clone() })
    }
}

/// A block in use. Dropping it returns it.
#[derive(Debug)]
pub struct Block {
    /// Present until the drop.
    map: Option<MmapMut>,
    len: usize,
    home: Blocks,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.map.as_ref().expect("present until dropped")[..self.len]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.home.0.borrow_mut().extend(self.map.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_counted_across_the_edges_of_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut bytes = vec![b'.'; 3 * BLOCK_BYTES + 777];
        let keyword = b"keyword";
        for shift in 0..keyword.len() {
            // Blocks are aligned, so each edge is at a multiple of the page size.
            for edge in [BLOCK_BYTES, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES, 4096] {
                bytes.fill(b'.');
                bytes[edge - shift..][..keyword.len()].copy_from_slice(keyword);
                bytes[..keyword.len()].copy_from_slice(keyword);
                std::fs::write(&path, &bytes).unwrap();
                assert_eq!(count_backwards(&path, keyword).unwrap(), 2, "{shift} before {edge}");
            }
        }
    }
}
