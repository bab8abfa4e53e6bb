//! What a simulated host does wrong.

use std::time::Duration;

/// What a host does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Waits so long between any two of its pieces, which is no failure.
    Slow(Duration),
    /// Has no such file, which is no failure either.
    NoFile,
    /// Nothing listens.
    Down,
    /// Accepts, and never answers.
    Hung,
    Overloaded,
    /// Sends so many records, and then nothing.
    HungAfter(usize),
    /// Closes the connection after so many records.
    CutAfter(usize),
    /// Closes it in the middle of the frame that follows them.
    CutInside(usize),
    /// Resets it.
    ResetAfter(usize),
    /// Says after so many records that its disk failed.
    FailsAfter(usize),
    /// Sends so many records, and then says that the time of the request is over, once it is.
    LateAfter(usize),
    /// Goes on for ever after its records, with older and older ones.
    Endless,
}

impl Fault {
    /// Whether records of a host that does this may be missing.
    pub(crate) fn is_failure(self) -> bool {
        !matches!(self, Fault::None | Fault::Slow(_) | Fault::NoFile | Fault::Endless)
    }

    /// Whether it shows before the host's first record could.
    pub(crate) fn is_early(self) -> bool {
        matches!(self, Fault::Down | Fault::Hung | Fault::Overloaded)
    }

    /// How many of `all` records are sent.
    pub(crate) fn sent_of(self, all: usize) -> usize {
        match self {
            Fault::None | Fault::Slow(_) | Fault::Endless => all,
            Fault::NoFile | Fault::Down | Fault::Hung | Fault::Overloaded => 0,
            Fault::HungAfter(k)
            | Fault::CutAfter(k)
            | Fault::CutInside(k)
            | Fault::ResetAfter(k)
            | Fault::LateAfter(k)
            | Fault::FailsAfter(k) => k.min(all),
        }
    }
}
