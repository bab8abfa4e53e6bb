//! What reading backwards costs with nothing around it: `pread` in one thread, into blocks
//! that begin at a page, as the servers' blocks do.

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

/// Counts `keyword` in a file, from its end to its start: the limit of every search that
/// reads this way. It finds no lines, it only looks for the keyword.
pub fn count_backwards(path: &Path, keyword: &[u8]) -> Result<u64> {
    let file = File::open(path)?;
    let finder = Finder::new(keyword);
    let overlap = keyword.len().saturating_sub(1);
    // Behind each block stands what the newer one begins with: a keyword across the edge.
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

/// Page size that reads are aligned to.
const PAGE: u64 = 4096;

/// Fills `memory` from `offset` on.
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

/// Blocks that one thread uses again and again.
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

/// A block in use. It goes back when dropped.
#[derive(Debug)]
pub struct Block {
    /// Present until dropped.
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
            // Blocks begin at pages, so each edge is at a multiple of them.
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
