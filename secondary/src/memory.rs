//! Gives memory back to the system that many clients needed at once: blocks and chunks.

use crate::answer::chunks::Chunks;
use crate::read::block::Pool;
use backscroll_shared::memory;
use std::sync::Arc;

/// Blocks of a thread that stay mapped: as many as a few deep scans need at once.
const KEPT_BLOCKS: usize = 32;

/// Gives back the blocks and chunks that nobody uses.
pub(crate) fn give_back(pool: &Arc<Pool>, chunks: &Chunks) {
    let (pool, chunks) = (Arc::clone(pool), chunks.clone());
    memory::give_back(move || {
        pool.give_back(KEPT_BLOCKS);
        chunks.give_back();
    });
}
