//! Words that may stand before a time, and texts that certain programs always put there.

use super::date::Stamp;
use super::order::Known;
use super::prefix;

/// A text that always stands before the time of a line.
pub(super) struct Literal {
    text: &'static [u8],
    pub(super) order: Known,
    /// Its time is in UTC.
    pub(super) is_utc: bool,
    /// Whether the time that begins there has the form that the program writes.
    pub(super) suits: fn(&[u8], usize, &Stamp<'_>) -> bool,
}

const fn before(text: &'static [u8]) -> Literal {
    Literal { text, order: Known::Nothing, is_utc: false, suits: |_, _, _| true }
}

/// The type at the beginning of a line of an AWS load balancer. A time with a `T` follows it.
const fn balancer(text: &'static [u8]) -> Literal {
    Literal { suits: |line, at, _| line.get(at + 10) == Some(&b'T'), is_utc: true, ..before(text) }
}

static LITERALS: [Literal; 16] = [
    // The slow log of MySQL, apt, and `update-alternatives` of dpkg.
    before(b"# Time: "),
    before(b"Start-Date: "),
    before(b"End-Date: "),
    before(b"Log started: "),
    before(b"Log ended: "),
    before(b"update-alternatives "),
    Literal { suits: |line, at, _| line.get(at + 4) == Some(&b'/'), ..before(b"nginx: ") },
    // Half-Life servers write the month first.
    Literal { order: Known::MonthFirst, ..before(b"L ") },
    balancer(b"http "),
    balancer(b"https "),
    balancer(b"h2 "),
    balancer(b"grpcs "),
    balancer(b"ws "),
    balancer(b"wss "),
    balancer(b"tls 1.0 "),
    balancer(b"tls 2.0 "),
];

/// The literal at `at`, and where it ends.
pub(super) fn literal(line: &[u8], at: usize) -> Option<(usize, &'static Literal)> {
    let rest = &line[at..];
    match rest.first_chunk::<2>()? {
        // Reports of Erlang: `=INFO REPORT==== 25-Nov-2026::14:00:00 ===`.
        [b'=', _] => {
            let head = &rest[..rest.len().min(40)];
            let end = head.windows(12).position(|at| at == b" REPORT==== ")?;
            Some((at + end + 12, &LITERALS[0]))
        }
        start => {
            let same = |known: &&Literal| known.text.starts_with(start) && rest.starts_with(known.text);
            LITERALS.iter().find(same).map(|known| (at + known.text.len(), known))
        }
    }
}

/// The kind of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[main]`, `<Info>`, `(42)`.
    Bracket,
    /// `123:`, the number of the line.
    Numbered,
    /// `INFO`. It is doubtful if it could also begin a sentence, like `error` and `FATAL:`.
    Level {
        doubtful: bool,
    },
    /// A number, an address, a user of a database (`user@db`), or a program.
    Name,
    /// `web-5d4c8b7f9-abcde`.
    Pod,
    /// `|`, `-`.
    Separator,
    Colour,
    /// Any other word.
    Plain,
}

/// A word, and where it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) kind: Kind,
    pub(super) end: usize,
}

/// The most bytes of a word, with its brackets.
const LONGEST: usize = 80;

/// The length of the word at `at`. It ends at a blank, a separator or an opening bracket.
#[inline]
pub(super) fn length(line: &[u8], at: usize) -> usize {
    line[at..].iter().take(LONGEST).take_while(|b| IN_WORDS[usize::from(**b)]).count()
}

/// The bytes that words are made of.
static IN_WORDS: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        bytes[byte as usize] = !matches!(byte, b'[' | b'|' | b'(' | b'<' | b'"' | b'=' | b'{' | b',' | b';');
        byte += 1;
    }
    bytes
};

/// The word at `at`. `None` if something else is there.
pub(super) fn at(line: &[u8], at: usize, is_first: bool) -> Option<Word> {
    let rest = &line[at..];
    let group = |close: u8| {
        let length = rest.iter().take(LONGEST).position(|b| *b == close)?;
        (!is_version(&rest[1..length])).then_some(Word { kind: Kind::Bracket, end: at + length + 1 })
    };
    match rest.first()? {
        b'[' => group(b']'),
        b'<' => group(b'>').filter(|word| matches!(line.get(word.end), Some(b' ' | b'[' | b':'))),
        b'(' if !is_first => group(b')'),
        b'{' if !is_first => group(b'}'),
        b'-' if rest.starts_with(b"--- ") => Some(Word { kind: Kind::Separator, end: at + 3 }),
        b'|' | b'-' | b':' if matches!(rest.get(1), Some(b' ' | b'|' | b'[') | None) || rest[0] == b'|' => {
            Some(Word { kind: Kind::Separator, end: at + 1 })
        }
        0x1b => Some(Word { kind: Kind::Colour, end: prefix::colour(line, at)? }),
        b'#' if rest.starts_with(b"####<") => Some(Word { kind: Kind::Bracket, end: at + 4 }),
        byte if byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_') => {
            let length = length(line, at);
            // Ruby writes a comma after the letter of the level.
            let length = length + usize::from(rest.get(length) == Some(&b','));
            if let Some(length) = router(&rest[..length]) {
                return Some(Word { kind: Kind::Bracket, end: at + length });
            }
            let end = at + length;
            let touches = matches!(line.get(end), Some(b'[' | b'|' | 0x1b))
                || length == 1 && line[end..].starts_with(b" [");
            if !touches && !matches!(line.get(end), Some(b' ' | b'\t')) {
                return None;
            }
            Some(Word { kind: kind(&rest[..length], touches), end })
        }
        _ => None,
    }
}

/// Several words with a version among them, as compilers print.
fn is_version(inner: &[u8]) -> bool {
    inner.contains(&b' ')
        && inner.windows(3).any(|at| at[0].is_ascii_digit() && at[1] == b'.' && at[2].is_ascii_digit())
}

/// The length of the router slot that IOS XR writes directly before the time.
fn router(word: &[u8]) -> Option<usize> {
    let is_place = word.starts_with(b"RP/") || word.starts_with(b"LC/");
    is_place.then(|| word.iter().position(|b| *b == b':').map(|at| at + 1)).flatten()
}

fn kind(word: &[u8], touches: bool) -> Kind {
    let colon = word.last() == Some(&b':');
    let name = word.strip_suffix(b":").or_else(|| word.strip_suffix(b",")).unwrap_or(word);
    if name.is_empty() {
        return Kind::Plain;
    }
    if name.iter().all(u8::is_ascii_alphabetic) {
        return alphabetic(name, word, colon, touches);
    }
    let digits = name.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == name.len() {
        return if colon { Kind::Numbered } else { Kind::Name };
    }
    let first = name[0];
    // The process and the role of a Redis server: `12:M`.
    let role = first.is_ascii_digit()
        && matches!(name, [number @ .., b':', b'C' | b'M' | b'S' | b'X'] if number.iter().all(u8::is_ascii_digit));
    if role || is_address(name) || name.contains(&b'@') {
        return Kind::Name;
    }
    let plain = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'.');
    if first.is_ascii_alphabetic() && name.contains(&b'-') && digits > 0 && plain && !colon {
        return Kind::Pod;
    }
    Kind::Plain
}

/// Whether this is an IP address, with or without a port.
pub(super) fn is_address(word: &[u8]) -> bool {
    let (mut dots, mut colons, mut hexadecimal) = (0, 0, false);
    for byte in word {
        match byte {
            b'0'..=b'9' => {}
            b'.' => dots += 1,
            b':' => colons += 1,
            b'a'..=b'f' | b'A'..=b'F' | b'[' | b']' | b'%' => hexadecimal = true,
            _ => return false,
        }
    }
    dots == 3 && colons <= 1 && !hexadecimal
        || colons >= 5
        || colons >= 2 && memchr::memmem::find(word, b"::").is_some()
}

/// The names of levels.
const LEVELS: [&[u8]; 26] = [
    b"trace",
    b"debug",
    b"info",
    b"notice",
    b"warn",
    b"warning",
    b"err",
    b"error",
    b"crit",
    b"critical",
    b"alert",
    b"emerg",
    b"fatal",
    b"severe",
    b"fine",
    b"finer",
    b"finest",
    b"config",
    b"verbose",
    b"dbg",
    b"inf",
    b"wrn",
    b"ftl",
    b"vrb",
    b"panic",
    b"information",
];

/// Words that are levels only if written in capitals.
const CAPITAL_LEVELS: [&[u8]; 4] = [b"LOG", b"AUDIT", b"STATUS", b"NOTE"];

/// Levels that may also begin a message.
const FAULTS: [&[u8]; 11] = [
    b"warn",
    b"warning",
    b"err",
    b"error",
    b"crit",
    b"critical",
    b"alert",
    b"emerg",
    b"fatal",
    b"severe",
    b"panic",
];

fn alphabetic(name: &[u8], word: &[u8], colon: bool, touches: bool) -> Kind {
    let is_in =
        |list: &[&[u8]]| list.iter().any(|own| own[0] == name[0] | 0x20 && name.eq_ignore_ascii_case(own));
    let capitals = name.iter().all(u8::is_ascii_uppercase);
    let letter = name.len() == 1 && capitals;
    if letter && (word.len() > 1 || touches) || is_in(&LEVELS) || CAPITAL_LEVELS.contains(&name) {
        let with_colon = is_in(&FAULTS) || !capitals && !is_in(&[b"info", b"debug", b"trace"]);
        let doubtful = !touches && if colon { with_colon } else { !capitals };
        return Kind::Level { doubtful };
    }
    if colon && is_program(name) { Kind::Name } else { Kind::Plain }
}

/// Whether this is the name of a program, `MyApp`, and not of a header, a field or an error.
fn is_program(name: &[u8]) -> bool {
    const NO_PROGRAM: [&[u8]; 26] = [
        b"time",
        b"date",
        b"error",
        b"exception",
        b"expire",
        b"until",
        b"after",
        b"before",
        b"since",
        b"modified",
        b"create",
        b"update",
        b"valid",
        b"start",
        b"stop",
        b"built",
        b"fail",
        b"warning",
        b"end",
        b"last",
        b"next",
        b"login",
        b"seen",
        b"due",
        b"publish",
        b"run",
    ];
    let lower = name.to_ascii_lowercase();
    name[0].is_ascii_uppercase()
        && name[1..].iter().any(u8::is_ascii_uppercase)
        && name.iter().any(u8::is_ascii_lowercase)
        && !NO_PROGRAM.iter().any(|part| lower.windows(part.len()).any(|at| at == *part))
}
