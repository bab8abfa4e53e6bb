//! Which of the known words somebody may have meant.

/// Bytes of a word that is compared: what it costs grows with the square of this.
const WORD_BYTES: usize = 64;

/// From here on two words are alike: a letter too many, too few, exchanged or in capitals.
const ALIKE: f64 = 0.88;

/// How alike two words are, up to 1; None where they are not.
pub fn likeness(given: &str, known: &str) -> Option<f64> {
    if given.len() > WORD_BYTES || known.len() > WORD_BYTES || given.is_empty() {
        return None;
    }
    let (given, known) = (given.to_lowercase(), known.to_lowercase());
    let likeness = strsim::jaro_winkler(&given, &known);
    // One that goes on is meant by its beginning, as in `web1` for `web1.internal`.
    let is_short = known.strip_prefix(&given).is_some_and(|rest| rest.starts_with(['.', ':', '@', '-']));
    (likeness >= ALIKE || is_short).then_some(likeness)
}

/// The one of the known words that is most like what was given; None where none is.
pub fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let alike = known.into_iter().filter_map(|known| Some((likeness(given, known)?, known)));
    alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_misspelt_is_found_and_another_one_is_not() {
        let known = ["web1", "web2", "db-primary", "gateway.internal", "Europe/Berlin"];
        for (given, meant) in [
            ("WEB1", Some("web1")),
            ("web1 ", Some("web1")),
            ("web1.", Some("web1")),
            ("db-pirmary", Some("db-primary")),
            ("dbprimary", Some("db-primary")),
            ("gateway", Some("gateway.internal")),
            ("Europe/Berln", Some("Europe/Berlin")),
            ("", None),
            ("x", None),
            ("mail", None),
        ] {
            assert_eq!(nearest(given, known), meant, "{given:?}");
        }
        assert_eq!(likeness(&"a".repeat(WORD_BYTES + 1), &"a".repeat(WORD_BYTES + 1)), None);
    }
}
