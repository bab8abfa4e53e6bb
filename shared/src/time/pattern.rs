//! The small language in which `forms` describes dates, and its matcher.
//!
//! | written | matches |
//! | --- | --- |
//! | `%Y`, `%y` | a year of four digits, of two |
//! | `%m`, `%d` | a month, a day, of two digits |
//! | `%M` | a month of one or two digits |
//! | `%e` | a day of one or two digits, or padded with a space |
//! | `%b` | an English month, in full or three letters, in any case |
//! | `%n` | a number of one or two digits: day, month or year, as `order` finds out |
//! | `%L` | the letter of a level: `I` |
//! | `%_` | one or two spaces |
//! | `%T` | `hh:mm:ss` with what may follow it: fraction, AM or PM, zone |
//! | `%R`, `%C`, `%D` | the same as `hh:mm`, `hhmmss`, `hh.mm.ss` |
//! | `[Tt ]` | one of these bytes, four at most; `[[]` is a bracket |
//! | anything else | itself |

use super::clock::{self, Clock};
use super::text::{four, is_digit, month, one_or_two, two};

/// The most steps of a pattern, including the end.
const STEPS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Byte(u8),
    OneOf([u8; 4]),
    Spaces,
    Year,
    ShortYear,
    Month,
    Day,
    LooseMonth,
    PaddedDay,
    MonthName,
    Number,
    Level,
    Clock(clock::Kind),
    End,
}

/// A pattern, compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    steps: [Step; STEPS],
}

/// What a pattern matched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) year: Option<i64>,
    pub(super) month: i64,
    pub(super) day: i64,
    /// The numbers whose meaning is not known yet, each with its number of digits.
    pub(super) numbers: [(i64, usize); 3],
    pub(super) count: usize,
    pub(super) clock: Clock,
}

impl Pattern {
    /// Compiles a pattern. A wrong pattern is an error of the Rust compiler, since this runs at
    /// compile time.
    pub(super) const fn new(text: &str) -> Pattern {
        let text = text.as_bytes();
        let mut steps = [Step::End; STEPS];
        let (mut at, mut count) = (0, 0);
        while at < text.len() {
            let (step, length) = match text[at] {
                b'%' => (code(text[at + 1]), 2),
                b'[' => one_of(text, at + 1),
                byte => (Step::Byte(byte), 1),
            };
            steps[count] = step;
            count += 1;
            at += length;
        }
        assert!(count < STEPS, "a step is left for the end");
        assert!(matches!(steps[count - 1], Step::Clock(_)), "a form ends with its clock");
        Pattern { steps }
    }

    /// Whether a match can have `byte` at `offset`.
    pub(super) const fn may_have(&self, byte: u8, offset: usize) -> bool {
        self.may_have_from(0, 0, byte, offset)
    }

    /// The same from this step on, which begins at `at`.
    const fn may_have_from(&self, step: usize, at: usize, byte: u8, offset: usize) -> bool {
        // Whether the step accepts the byte, and the step's length if it is fixed.
        let (matches, length) = match self.steps[step] {
            Step::Byte(own) => (own == byte, 1),
            Step::OneOf(own) => (own[0] == byte || own[1] == byte || own[2] == byte || own[3] == byte, 1),
            Step::Year => (byte.is_ascii_digit(), 4),
            Step::ShortYear | Step::Month | Step::Day => (byte.is_ascii_digit(), 2),
            Step::Level => (byte.is_ascii_uppercase(), 1),
            Step::MonthName => (offset >= at + 3 || byte.is_ascii_alphabetic(), usize::MAX - at),
            Step::Clock(_) | Step::End => (offset > at || byte.is_ascii_digit(), usize::MAX - at),
            Step::PaddedDay | Step::LooseMonth | Step::Number | Step::Spaces => {
                let space = matches!(self.steps[step], Step::PaddedDay | Step::Spaces) && byte == b' ';
                let digit = !matches!(self.steps[step], Step::Spaces) && byte.is_ascii_digit();
                if offset == at {
                    return space || digit;
                }
                return offset == at + 1 && (digit || space && matches!(self.steps[step], Step::Spaces))
                    || self.may_have_from(step + 1, at + 1, byte, offset)
                    || offset > at + 1 && self.may_have_from(step + 1, at + 2, byte, offset);
            }
        };
        if offset < at + length { matches } else { self.may_have_from(step + 1, at + length, byte, offset) }
    }

    /// Matches `line` from `at` on.
    #[inline]
    pub(super) fn parts(&self, line: &[u8], mut at: usize, commas: clock::Commas) -> Option<Parts> {
        let (mut year, mut month_of, mut day) = (None, 0, 0);
        let (mut numbers, mut count) = ([(0, 0); 3], 0);
        for step in &self.steps {
            at += match *step {
                Step::Byte(byte) => (*line.get(at)? == byte).then_some(1)?,
                Step::OneOf([a, b, c, d]) => {
                    let byte = *line.get(at)?;
                    (byte == a || byte == b || byte == c || byte == d).then_some(1)?
                }
                Step::Spaces => match line.get(at..)? {
                    [b' ', b' ', ..] => 2,
                    [b' ', ..] => 1,
                    _ => return None,
                },
                Step::Year => {
                    year = Some(four(line, at)?);
                    4
                }
                Step::ShortYear => {
                    year = Some(2000 + two(line, at)?);
                    2
                }
                Step::Month => {
                    month_of = two(line, at).filter(|month| *month <= 12)?;
                    2
                }
                Step::Day => {
                    day = two(line, at).filter(|day| *day <= 31)?;
                    2
                }
                Step::PaddedDay => {
                    let pad = usize::from(line.get(at) == Some(&b' '));
                    let (number, length) = one_or_two(line, at + pad)?;
                    day = number;
                    pad + length
                }
                Step::LooseMonth => {
                    let (number, length) = one_or_two(line, at)?;
                    month_of = number;
                    length
                }
                Step::MonthName => {
                    let (number, length) = month(line.get(at..)?)?;
                    month_of = number;
                    length
                }
                Step::Number => {
                    let (number, length) = one_or_two(line, at)?;
                    numbers[count] = (number, length);
                    count += 1;
                    length
                }
                Step::Level => {
                    matches!(line.get(at)?, b'I' | b'W' | b'E' | b'F' | b'D' | b'C').then_some(1)?
                }
                Step::Clock(kind) => {
                    let clock = clock::at(line, at, kind, commas)?;
                    return Some(Parts { year, month: month_of, day, numbers, count, clock });
                }
                Step::End => return None,
            };
        }
        None
    }
}

const fn code(letter: u8) -> Step {
    match letter {
        b'Y' => Step::Year,
        b'y' => Step::ShortYear,
        b'm' => Step::Month,
        b'd' => Step::Day,
        b'M' => Step::LooseMonth,
        b'e' => Step::PaddedDay,
        b'b' => Step::MonthName,
        b'n' => Step::Number,
        b'L' => Step::Level,
        b'_' => Step::Spaces,
        b'T' => Step::Clock(clock::Kind::Colons),
        b'R' => Step::Clock(clock::Kind::Minutes),
        b'C' => Step::Clock(clock::Kind::Digits),
        b'D' => Step::Clock(clock::Kind::Dots),
        _ => panic!("no such code"),
    }
}

/// The bytes up to the closing bracket, and the length with both brackets.
const fn one_of(text: &[u8], from: usize) -> (Step, usize) {
    let mut bytes = [text[from]; 4];
    let mut count = 1;
    while text[from + count] != b']' {
        bytes[count] = text[from + count];
        count += 1;
    }
    (Step::OneOf(bytes), count + 2)
}

/// Whether three numbers with dashes, slashes or dots between them are at `at`, as in a date of any
/// order.
pub(super) fn looks_like_a_date(line: &[u8], at: usize) -> bool {
    let mut from = at;
    for part in 0..3 {
        let digits = line[from..].iter().take(5).take_while(|b| b.is_ascii_digit()).count();
        if !(1..=4).contains(&digits) {
            return false;
        }
        from += digits;
        if part < 2 {
            if !matches!(line.get(from), Some(b'-' | b'/' | b'.')) {
                return false;
            }
            from += 1;
        }
    }
    let after = line.get(from);
    let goes_on = after.is_some_and(|b| b.is_ascii_alphabetic() && *b != b'T')
        || after == Some(&b'.') && is_digit(line, from + 1);
    !goes_on
}
