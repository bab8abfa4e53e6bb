//! Turns: an answer works for a moment, then lets the other tasks of its thread run. Between two
//! turns it checks whether it has to end.

use crate::read::{Engine, ReadFailure, TURN};
use backscroll_shared::wire::code::Code;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Why an answer ends before all its records are out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    /// The file could not be read.
    #[error(transparent)]
    Failed(#[from] ReadFailure),
    /// The server stops, and the time to drain is over.
    #[error("this secondary is stopping")]
    Draining,
    /// The time limit that the primary set for this request has passed.
    #[error("the time for this request is over")]
    Overdue,
    /// A time range was asked for, and no line has a time.
    #[error("no line has a time that is understood, so a time range cannot be found")]
    NoTimes,
    /// The times of the lines contradict each other, and records of the range stand after lines that
    /// are newer than it.
    #[error(
        "its lines are not in the order of their times, and records of the range stand at places that come before those which were sent"
    )]
    OutOfOrder,
}

impl Halt {
    /// The code of this in a verdict.
    pub(super) fn code(&self) -> Code {
        match self {
            Halt::Failed(failure) => failure.code(),
            Halt::Draining => Code::Draining,
            Halt::Overdue => Code::UpstreamTimeout,
            Halt::NoTimes => Code::NoTimes,
            Halt::OutOfOrder => Code::OutOfOrder,
        }
    }

    /// What a client can do.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Halt::Failed(_) | Halt::Draining | Halt::Overdue => "ask again",
            Halt::NoTimes => "ask without since and until",
            Halt::OutOfOrder => "ask with scan=all",
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
    /// Whether this turn has waited for something other than the source.
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

    /// Notes that the answer has waited, so that the others have already had a turn.
    pub(super) fn has_waited(&mut self) {
        self.has_waited = true;
    }

    /// Lets the other tasks run if this answer has worked for a whole turn. `has_waited`: whether
    /// it has waited for its source since the last call.
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

    /// How long something may take that the answer can do without: at most so long, and not past the
    /// deadline.
    pub(super) fn spare_time(&self, most: Duration) -> Duration {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        self.deadline.map_or(most, |deadline| left(deadline).min(most))
    }

    /// Why the answer has to end now, if it has to.
    #[inline]
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
