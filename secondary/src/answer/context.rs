//! What answers share.

use super::chunks::Chunks;
use crate::read::admission::Admission;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// What an answer shares with the others of its thread.
#[derive(Debug, Clone)]
pub struct Context<E> {
    /// The thread's engine.
    pub engine: E,
    /// Limits how many answers of the thread read at once.
    pub admission: Arc<Admission>,
    /// The pool of the buffers that answers are sent in.
    pub chunks: Chunks,
    /// Set when the time to drain is over: answers in flight then end at once, as incomplete ones.
    pub giving_up: Rc<Cell<bool>>,
}
