//! Which traces are sampled.

/// A part of all traces, chosen by their ids: all programs choose the same ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fraction {
    /// Ids below this are chosen, of 63 bits.
    below: u64,
}

impl Fraction {
    /// All of them.
    pub const ALL: Fraction = Fraction { below: 1 << 63 };

    /// None of them.
    pub const NONE: Fraction = Fraction { below: 0 };

    /// So many of them, from 0 to 1; None for any other number.
    pub fn new(part: f64) -> Option<Fraction> {
        /// 2^63.
        const IDS: f64 = 9_223_372_036_854_775_808.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 2^63, or is not used"
        )]
        let below = (part * IDS) as u64;
        (0.0..=1.0).contains(&part).then_some(Fraction { below })
    }

    /// Whether this trace is one of them. The OpenTelemetry SDKs choose in the same way: by the last
    /// eight bytes of the id.
    pub fn contains(self, trace_id: u128) -> bool {
        let last = u64::try_from(trace_id & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        (last >> 1) < self.below
    }
}

/// Which traces this program records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Whether a trace that another program began is sampled if that program samples it.
    pub by_parent: bool,
    /// The others.
    pub root: Fraction,
}

impl Default for Sampling {
    /// What `OTEL_TRACES_SAMPLER` is if it is not set: `parentbased_always_on`.
    fn default() -> Sampling {
        Sampling { by_parent: true, root: Fraction::ALL }
    }
}

impl Sampling {
    /// Whether a trace is sampled. `parent`: whether its caller samples it, if there is a caller.
    pub fn samples(&self, trace_id: u128, parent: Option<bool>) -> bool {
        match parent {
            Some(is_sampled) if self.by_parent => is_sampled,
            _ => self.root.contains(trace_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanKind, TraceId};
    use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _};

    #[test]
    fn a_fraction_of_traces_is_the_one_that_the_sdk_chooses() {
        for part in [0.0, 0.01, 0.25, 0.5, 0.99, 1.0] {
            let fraction = Fraction::new(part).unwrap();
            let sdk = Sampler::TraceIdRatioBased(part);
            for _ in 0..500 {
                let id = fastrand::u128(1..);
                let decision =
                    sdk.should_sample(None, TraceId::from(id), "", &SpanKind::Server, &[], &[]).decision;
                let is_sampled = decision == SamplingDecision::RecordAndSample;
                assert_eq!(fraction.contains(id), is_sampled, "{part} {id:032x}");
            }
        }
        assert_eq!((Fraction::new(0.0), Fraction::new(1.0)), (Some(Fraction::NONE), Some(Fraction::ALL)));
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Fraction::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_caller_decides_only_where_the_sampler_is_based_on_it() {
        let (by_parent, always) = (
            Sampling { by_parent: true, root: Fraction::NONE },
            Sampling { by_parent: false, root: Fraction::ALL },
        );
        let of =
            |sampling: Sampling| [None, Some(false), Some(true)].map(|parent| sampling.samples(7, parent));
        assert_eq!(of(by_parent), [false, false, true]);
        assert_eq!(of(always), [true, true, true]);
        assert_eq!(of(Sampling::default()), [true, false, true]);
    }
}
