//! Who keeps a record of each request.

use super::{Ended, Exchange};
use crate::telemetry::sampling::Sampling;
use std::fmt::Debug;
use std::sync::Arc;

/// Keeps a record of each request.
pub trait Recorder: Debug + Send + Sync {
    /// A request has begun. Must not block.
    fn began(&self, _: &Arc<Exchange>) {}

    /// A request is over. Must not block.
    fn ended(&self, ended: &Arc<Ended>);
}

/// All who keep a record of each request.
#[derive(Debug, Clone, Default)]
pub struct Recorders {
    pub(super) all: Arc<[Arc<dyn Recorder>]>,
    /// Which traces are recorded; None where none is.
    pub(super) sampling: Option<Sampling>,
}

impl FromIterator<Arc<dyn Recorder>> for Recorders {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Recorder>>>(recorders: I) -> Recorders {
        Recorders { all: recorders.into_iter().collect(), sampling: None }
    }
}

impl Recorders {
    /// The same, and these traces are recorded.
    #[must_use]
    pub fn sampling(self, sampling: Option<Sampling>) -> Recorders {
        Recorders { sampling, ..self }
    }
}
