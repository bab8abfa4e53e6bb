//! Which requests are logged.

use crate::conn::exchange::Ended;
use crate::telemetry::sampling::Fraction;
use crate::wire::verdict::Status;
use std::str::FromStr;

/// The value of `--request-log`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Which {
    /// Each request.
    All,
    /// Those that failed.
    Failed,
    /// None.
    Off,
    /// Those of a part of all traces, and those that failed.
    Sampled(Fraction),
}

impl FromStr for Which {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Which, &'static str> {
        match text {
            "all" => Ok(Which::All),
            "failed" => Ok(Which::Failed),
            "off" => Ok(Which::Off),
            part => {
                let fraction = part.parse().ok().and_then(Fraction::new);
                fraction.map(Which::Sampled).ok_or("write all, failed, off, or a part as in 0.01")
            }
        }
    }
}

impl Which {
    /// Whether this request is logged.
    pub(super) fn includes(self, ended: &Ended) -> bool {
        match self {
            Which::All => true,
            Which::Off => false,
            Which::Failed => has_failed(ended),
            Which::Sampled(fraction) => fraction.contains(ended.exchange.trace.trace_id) || has_failed(ended),
        }
    }
}

/// Whether a request had no answer, or not the one that it asked for. A mistake of its client is no
/// failure.
fn has_failed(ended: &Ended) -> bool {
    let noted = &ended.noted;
    noted.status.is_none_or(|status| status.is_server_error())
        || noted.verdict.is_some_and(|verdict| verdict != Status::Complete)
}
