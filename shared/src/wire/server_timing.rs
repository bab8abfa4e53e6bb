//! `Server-Timing`: how long an answer took to begin, for people with `curl -i` and for browsers.

use crate::milliseconds::push_milliseconds;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What is told. Each time begins with the head of the request.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long the secondary took to find and open the file.
    pub open: Option<Duration>,
    /// How long it took until the first record was there, or until it was known that there is none.
    /// None where the head of the answer left before.
    pub first_record: Option<Duration>,
}

impl Timing {
    /// What another server's answer tells. Anything else than what [`Timing::write`] writes is left
    /// out.
    pub fn of(map: &HeaderMap) -> Timing {
        let text = map.get(SERVER_TIMING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let of = |name: &str| {
            let ms = text.split(", ").find_map(|metric| metric.strip_prefix(name)?.strip_prefix(";dur="))?;
            Duration::try_from_secs_f64(ms.parse::<f64>().ok()? / 1e3).ok()
        };
        Timing { open: of(OPEN), first_record: of(FIRST_RECORD) }
    }

    /// Writes the field, if there is anything to tell: milliseconds.
    pub fn write(self, map: &mut HeaderMap) {
        let mut text = Vec::with_capacity(64);
        for (name, time) in [(OPEN, self.open), (FIRST_RECORD, self.first_record)] {
            let Some(time) = time else { continue };
            if !text.is_empty() {
                text.extend_from_slice(b", ");
            }
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b";dur=");
            push_milliseconds(time, &mut text);
        }
        if !text.is_empty() {
            map.insert(SERVER_TIMING, HeaderValue::try_from(text).expect("it is plain text"));
        }
    }
}

const OPEN: &str = "open";
const FIRST_RECORD: &str = "first-record";

#[cfg(test)]
mod tests {
    use super::*;

    fn written(timing: Timing) -> Option<String> {
        let mut map = HeaderMap::new();
        timing.write(&mut map);
        assert_eq!(Timing::of(&map), timing);
        map.get(SERVER_TIMING).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn times_are_milliseconds_and_survive_the_field() {
        let timing = |open, first_record| Timing {
            open: Option::map(open, Duration::from_micros),
            first_record: Option::map(first_record, Duration::from_micros),
        };
        assert_eq!(written(timing(None, None)), None);
        assert_eq!(written(timing(Some(113), None)).unwrap(), "open;dur=0.113");
        assert_eq!(
            written(timing(Some(13), Some(2_500_001))).unwrap(),
            "open;dur=0.013, first-record;dur=2500.001"
        );
    }

    #[test]
    fn what_another_server_tells_is_believed_only_if_it_is_a_time() {
        for odd in ["open", "open;dur=", "open;dur=-1", "open;dur=NaN", "open;dur=1e300", "x;dur=1", "\u{ff}"]
        {
            let mut map = HeaderMap::new();
            map.insert(SERVER_TIMING, HeaderValue::from_bytes(odd.as_bytes()).unwrap());
            assert_eq!(Timing::of(&map), Timing::default(), "{odd}");
        }
    }
}
