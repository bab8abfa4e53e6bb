//! Turns: an answer works for a moment, then everybody else on its thread goes first. Between
//! two turns it looks whether it has to end.

use crate::read::{Engine, ReadFailure, TURN};
use backscroll_shared::wire::code::Code;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

/// Why an answer ends before all its records are out.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The file could not be read.
    #[error(transparent)]
    Failed(#[from] ReadFailure),
    /// The time to drain is over.
    #[error("this secondary stops")]
    Draining,
    /// The time that the primary gave is over.
    #[error("the time for this request is over")]
    Overdue,
}

impl Halt {
    /// The code that the verdict has for it.
    pub fn code(&self) -> Code {
        match self {
            Halt::Failed(failure) => failure.code(),
            Halt::Draining => Code::Draining,
            Halt::Overdue => Code::UpstreamTimeout,
        }
    }
}

/// The turns of one answer.
#[derive(Debug)]
pub(super) struct Turns<E> {
    engine: E,
    since: Instant,
    deadline: Option<Instant>,
    is_overdue: bool,
    /// Whether something else than the source was waited for in this turn.
    has_waited: bool,
    giving_up: Rc<Cell<bool>>,
}

impl<E: Engine> Turns<E> {
    pub(super) fn new(engine: E, deadline: Option<Instant>, giving_up: Rc<Cell<bool>>) -> Turns<E> {
        Turns { engine, since: Instant::now(), deadline, is_overdue: false, has_waited: false, giving_up }
    }

    pub(super) fn engine(&self) -> E {
        self.engine
    }

    /// Something was waited for: others have worked meanwhile.
    pub(super) fn has_waited(&mut self) {
        self.has_waited = true;
    }

    /// Lets others go first, where this answer has worked for long. `has_waited`: it has waited
    /// for its source since it was last asked.
    pub(super) async fn take(&mut self, has_waited: bool) {
        let has_waited = std::mem::take(&mut self.has_waited) || has_waited;
        if self.since.elapsed() >= TURN {
            if !has_waited {
                self.engine.pause().await;
            }
            self.since = Instant::now();
        }
        self.is_overdue = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
    }

    /// Why the answer has to end now, if it has to.
    pub(super) fn halt(&self) -> Option<Halt> {
        if self.giving_up.get() {
            Some(Halt::Draining)
        } else if self.is_overdue {
            Some(Halt::Overdue)
        } else {
            None
        }
    }
}
