//! What this program keeps of the memory that many clients needed: the pools of blocks and chunks.

use crate::answer::chunks::Chunks;
use crate::read::block::Pool;
use backscroll_shared::memory;
use std::sync::Arc;

/// Blocks of a thread that stay mapped: what some deep scans at once use.
const KEPT_BLOCKS: usize = 32;

/// Gives back what nobody uses.
pub(crate) fn give_back(pool: &Arc<Pool>, chunks: &Chunks) {
    let (pool, chunks) = (Arc::clone(pool), chunks.clone());
    memory::give_back(move || {
        pool.give_back(KEPT_BLOCKS);
        chunks.give_back();
    });
}
