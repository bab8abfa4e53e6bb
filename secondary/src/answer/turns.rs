//! Turns: an answer works for a moment, then lets the other tasks of its thread run. Between two
//! turns it checks whether it has to end.

use crate::read::{Engine, ReadFailure, TURN};
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::verdict::{Status, Stopped};
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
    /// The time that the client gave has passed.
    #[error("the time that the request gave (timeout) is over")]
    TimedOut,
    /// A time range was asked for, and no line has a time.
    #[error("no line has a time that is understood, so a time range cannot be found")]
    NoTimes,
    /// The times of the lines contradict each other, and records of the range stand after lines that
    /// are newer than it.
    #[error(
        "its lines are not in the order of their times, and newer records of the range were found too late to be sent in their place"
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
            Halt::TimedOut => Code::Timeout,
            Halt::NoTimes => Code::NoTimes,
            Halt::OutOfOrder => Code::OutOfOrder,
        }
    }

    /// The status of an answer that ends so.
    pub(super) fn status(&self) -> Status {
        if matches!(self, Halt::TimedOut) { Status::Partial } else { Status::Failed }
    }

    /// What the verdict says of where the search stopped.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        match self {
            Halt::Failed(_) | Halt::Draining | Halt::NoTimes | Halt::OutOfOrder => None,
            Halt::Overdue => Some(Stopped::Limit),
            Halt::TimedOut => Some(Stopped::Timeout),
        }
    }

    /// What a client can do.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Halt::Failed(_) | Halt::Draining | Halt::Overdue => "ask again",
            Halt::TimedOut => "go on with the cursor older",
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
    /// When the time is over that the client gave.
    timeout: Option<Instant>,
    is_timed_out: bool,
    /// Whether this turn has waited for something other than the source.
    has_waited: bool,
    giving_up: Rc<Cell<bool>>,
}

impl<E: Engine> Turns<E> {
    pub(super) fn new(engine: E, deadline: Option<Instant>, giving_up: Rc<Cell<bool>>) -> Turns<E> {
        Turns {
            engine,
            since: Instant::now(),
            deadline,
            is_overdue: false,
            timeout: None,
            is_timed_out: false,
            has_waited: false,
            giving_up,
        }
    }

    /// Sets when the time is over that the client gave.
    pub(super) fn end_at(&mut self, timeout: Instant) {
        self.timeout = Some(timeout);
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        self.timeout
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
        let is_over = |at: Option<Instant>| at.is_some_and(|at| Instant::now() >= at);
        (self.is_overdue, self.is_timed_out) = (is_over(self.deadline), is_over(self.timeout));
    }

    /// How long something may take that the answer can do without: at most so long, and not past the
    /// deadline.
    pub(super) fn spare_time(&self, most: Duration) -> Duration {
        let ends = [self.deadline, self.timeout].into_iter().flatten();
        ends.map(|end| end.saturating_duration_since(Instant::now())).fold(most, Duration::min)
    }

    /// Why the answer has to end now, if it has to.
    #[inline]
    pub(super) fn halt(&self) -> Option<Halt> {
        if self.giving_up.get() {
            Some(Halt::Draining)
        } else if self.is_overdue {
            Some(Halt::Overdue)
        } else if self.is_timed_out {
            Some(Halt::TimedOut)
        } else {
            None
        }
    }
}
