//! Which process answers: a random id that a secondary makes at each start and puts on every answer.
//!
//! It tells a primary two things. An answer without it is not a secondary's, whatever its status and
//! type are. And two addresses whose answers have the same id lead to one secondary.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;

/// Private between primary and secondary: the id of the secondary that answers.
pub const INSTANCE: HeaderName = HeaderName::from_static("backscroll-instance");

/// Digits of an id: 128 bits in hexadecimal.
const DIGITS: usize = 32;

/// The id of one running secondary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(u128);

impl Instance {
    /// The id of these bits, which should be random.
    pub fn new(bits: u128) -> Instance {
        Instance(bits)
    }

    /// The id on an answer; None where there is none, more than one, or one in another form.
    pub fn of(map: &HeaderMap) -> Option<Instance> {
        let mut values = map.get_all(INSTANCE).iter();
        let text = values.next()?.to_str().ok()?;
        let is_id = text.len() == DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (is_id && values.next().is_none()).then(|| u128::from_str_radix(text, 16).ok().map(Instance))?
    }

    /// As the value of a field.
    pub fn value(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("hexadecimal digits are a value")
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = DIGITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_field_and_nothing_else_is_one() {
        let mut map = HeaderMap::new();
        assert_eq!(Instance::of(&map), None);
        for bits in [0, 7, u128::MAX] {
            map.insert(INSTANCE, Instance::new(bits).value());
            assert_eq!(Instance::of(&map), Some(Instance::new(bits)));
        }
        map.append(INSTANCE, Instance::new(8).value());
        assert_eq!(Instance::of(&map), None, "two ids are none");
        let upper = "F".repeat(DIGITS);
        let short = "1".repeat(DIGITS - 1);
        let long = "1".repeat(DIGITS + 1);
        let signed = format!("+{short}");
        for text in ["", "1", &upper, &short, &long, &signed] {
            map.insert(INSTANCE, HeaderValue::try_from(text).unwrap());
            assert_eq!(Instance::of(&map), None, "{text:?}");
        }
    }
}
