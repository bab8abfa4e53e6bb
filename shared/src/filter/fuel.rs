//! How much a search may do before the other tasks of its thread run.

/// What one turn may do: about as many nanoseconds. So short that the reader of a clock, which calls
/// again and again until a turn of 100 µs is over, is never late by much.
const TURN: usize = if cfg!(test) { 40 } else { 32 << 10 };

/// What is left of a turn.
#[derive(Debug)]
pub(crate) struct Fuel(usize);

impl Fuel {
    /// What one turn may do.
    pub(crate) fn turn() -> Fuel {
        Fuel(TURN)
    }

    /// For work that is small enough to be done in one go.
    pub(super) fn endless() -> Fuel {
        Fuel(usize::MAX)
    }

    pub(super) fn left(&self) -> usize {
        self.0
    }

    pub(super) fn is_out(&self) -> bool {
        self.0 == 0
    }

    pub(super) fn burn(&mut self, amount: usize) {
        self.0 = self.0.saturating_sub(amount);
    }
}
