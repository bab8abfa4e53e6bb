//! A pattern of host names: `*` is any characters, or none, and `?` is any one character.
//!
//! All ways in which a name may match are followed at once, one bit for each (the extended
//! Shift-And of Navarro and Raffinot, *Flexible Pattern Matching in Strings*, 4.3). So each
//! character of a name costs the same, whatever the pattern is.

use std::collections::HashMap;

const WORD_BITS: usize = u64::BITS as usize;

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    /// How many characters the pattern needs at least: each letter and `?` is one, `*` is none.
    wanted: usize,
    /// Bit `i`: there is a `*` before the `i`th of these characters, or at the end.
    stars: Vec<u64>,
    /// One row of bits for each different character of the pattern, as long as `stars`. Bit `i` of
    /// the row of `c`: the pattern has `c` or `?` at place `i`. The first row is for all characters
    /// that the pattern does not contain.
    rows: Vec<u64>,
    /// Where the row of an ASCII character begins in `rows`.
    ascii: [usize; 128],
    /// The same for other characters.
    others: HashMap<char, usize>,
}

impl Pattern {
    /// Whether `name` is a pattern. Otherwise it is compared letter for letter.
    pub fn is_one(name: &str) -> bool {
        name.contains(['*', '?'])
    }

    /// Compiles it.
    pub fn new(text: &str) -> Pattern {
        let wanted = text.chars().filter(|c| *c != '*').count();
        let words = wanted / WORD_BITS + 1;
        let (stars, rows) = (vec![0; words], vec![0; words]);
        let mut pattern = Pattern { wanted, stars, rows, ascii: [0; 128], others: HashMap::new() };
        let mut index = 0;
        for c in text.chars() {
            match c {
                '*' => set(&mut pattern.stars, index),
                '?' => set(&mut pattern.rows, index),
                c => {
                    let row = pattern.row_for(c);
                    set(&mut pattern.rows[row..], index);
                }
            }
            index += usize::from(c != '*');
        }
        let (any, rows) = pattern.rows.split_at_mut(words);
        for row in rows.chunks_mut(words) {
            row.iter_mut().zip(&*any).for_each(|(row, any)| *row |= any);
        }
        pattern
    }

    /// Where the row of `c` begins. Adds the row if there is none.
    fn row_for(&mut self, c: char) -> usize {
        let end = self.rows.len();
        let row = match self.ascii.get_mut(c as usize) {
            Some(row) => row,
            None => self.others.entry(c).or_insert(0),
        };
        if *row == 0 {
            *row = end;
            self.rows.resize(end + self.stars.len(), 0);
        }
        *row
    }

    /// Whether the pattern matches all of `name`.
    pub fn matches(&self, name: &str) -> bool {
        // Each character has at least one byte.
        if name.len() < self.wanted {
            return false;
        }
        // Bit `i`: the characters so far match the first `i` wanted ones.
        let mut reached = vec![0; self.stars.len()];
        reached[0] = 1;
        for c in name.chars() {
            let known = self.ascii.get(c as usize).or_else(|| self.others.get(&c));
            let row = &self.rows[known.copied().unwrap_or(0)..];
            let mut carry = 0;
            let mut alive = 0;
            for ((reached, place), star) in reached.iter_mut().zip(row).zip(&self.stars) {
                let gone_on = *reached & place;
                *reached = (gone_on << 1) | carry | (*reached & star);
                carry = gone_on >> (WORD_BITS - 1);
                alive |= *reached;
            }
            if alive == 0 {
                return false;
            }
        }
        is_set(&reached, self.wanted)
    }
}

fn set(bits: &mut [u64], index: usize) {
    bits[index / WORD_BITS] |= 1 << (index % WORD_BITS);
}

fn is_set(bits: &[u64], index: usize) -> bool {
    bits[index / WORD_BITS] >> (index % WORD_BITS) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    /// A matcher that is plain and slow, to compare with.
    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => (0..=name.len()).any(|skipped| naive(rest, &name[skipped..])),
            (Some(('?', rest)), Some((_, after))) => naive(rest, after),
            (Some((c, rest)), Some((d, after))) => c == d && naive(rest, after),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_says_what_the_plain_matcher_says(pattern in "[aé*?]{0,8}", name in "[aéb]{0,9}") {
            let (chars, of_name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(Pattern::new(&pattern).matches(&name), naive(&chars, &of_name));
        }

        #[test]
        fn long_ones_cross_from_word_to_word(before in 0usize..200, after in 0usize..200, more in 0usize..3) {
            let (left, right) = ("x".repeat(before), "y".repeat(after));
            let name = format!("{left}{}{right}", "z".repeat(more));
            let is_like = |pattern: String| Pattern::new(&pattern).matches(&name);
            prop_assert_eq!(is_like(format!("{left}*{right}")), true);
            prop_assert_eq!(is_like(format!("{left}?{right}")), more == 1);
            prop_assert_eq!(is_like(format!("?{left}*{right}")), before == 0 && more > 0);
        }
    }

    #[test]
    fn the_worst_pattern_costs_what_any_other_of_its_length_does() {
        // A matcher that starts again at each character takes seconds here.
        let name = format!("{}0001", "a".repeat(240));
        let patterns: Vec<Pattern> =
            (0..60).map(|n| Pattern::new(&format!("*{}?{n}*", "a".repeat(110)))).collect();
        let began = Instant::now();
        let matched = (0..400).flat_map(|_| &patterns).filter(|pattern| pattern.matches(&name)).count();
        assert_eq!(matched, 400);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
