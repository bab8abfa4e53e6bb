//! Finds the known word that somebody most likely meant by a misspelt one.

/// The most bytes of a word that is compared: the cost grows with the square of the length.
const WORD_BYTES: usize = 64;

/// Two words with at least this similarity are alike: a letter is added, missing, swapped or in
/// capitals.
const ALIKE: f64 = 0.88;

/// The similarity of two words, at most 1. `None` if they are not alike.
pub fn likeness(given: &str, known: &str) -> Option<f64> {
    if given.len() > WORD_BYTES || known.len() > WORD_BYTES || given.is_empty() {
        return None;
    }
    let (given, known) = (given.to_lowercase(), known.to_lowercase());
    let likeness = strsim::jaro_winkler(&given, &known);
    // The beginning of a name is enough: `web1` for `web1.internal`.
    let is_short = known.strip_prefix(&given).is_some_and(|rest| rest.starts_with(['.', ':', '@', '-']));
    (likeness >= ALIKE || is_short).then_some(likeness)
}

/// The known word that is most similar to the given one. `None` if none is alike.
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
