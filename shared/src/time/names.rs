//! Names of zones that mean exactly one offset.
//!
//! A name that means several offsets is left out: CST, IST, BST, AST, PST and CDT, in the time zone
//! database of 2015 to 2026. A time with such a name is read in the zone of its host, which most
//! likely wrote the name. CAT, EAT and WIT are left out because they are words.

/// The most bytes of a name.
pub(super) const LONGEST: usize = 40;

/// A name and its offset, in minutes.
const NAMES: [(&[u8], i16); 38] = [
    (b"ACDT", 630),
    (b"ACST", 570),
    (b"AEDT", 660),
    (b"AEST", 600),
    (b"AKDT", -480),
    (b"AKST", -540),
    (b"AWST", 480),
    (b"CEST", 120),
    (b"CET", 60),
    (b"EDT", -240),
    (b"EEST", 180),
    (b"EET", 120),
    (b"EST", -300),
    (b"HDT", -540),
    (b"HKT", 480),
    (b"HST", -600),
    (b"IDT", 180),
    (b"JST", 540),
    (b"KST", 540),
    (b"MDT", -360),
    (b"MEST", 120),
    (b"MESZ", 120),
    (b"MET", 60),
    (b"MEZ", 60),
    (b"MSK", 180),
    (b"MST", -420),
    (b"NDT", -150),
    (b"NZDT", 780),
    (b"NZST", 720),
    (b"PDT", -420),
    (b"PKT", 300),
    (b"SAST", 120),
    (b"SGT", 480),
    (b"WAT", 60),
    (b"WEST", 60),
    (b"WET", 0),
    (b"WIB", 420),
    (b"WITA", 480),
];

/// Full names, as browsers and newer versions of Java write them.
const IN_FULL: [(&[u8], i16); 8] = [
    (b"Coordinated Universal Time", 0),
    (b"Greenwich Mean Time", 0),
    (b"Central European Standard Time", 60),
    (b"Central European Summer Time", 120),
    (b"Central European Time", 60),
    (b"Eastern Standard Time", -300),
    (b"Eastern Daylight Time", -240),
    (b"Japan Standard Time", 540),
];

/// The first parts of the regions in the time zone database.
const AREAS: [&[u8]; 12] = [
    b"Africa",
    b"America",
    b"Antarctica",
    b"Arctic",
    b"Asia",
    b"Atlantic",
    b"Australia",
    b"Etc",
    b"Europe",
    b"Indian",
    b"Pacific",
    b"US",
];

/// For each capital, the letters that may follow it in a name. This rules out most words quickly.
static SECOND: [u64; 26] = {
    let mut second = [0; 26];
    let mut at = 0;
    while at < NAMES.len() {
        second[(NAMES[at].0[0] - b'A') as usize] |= letter(NAMES[at].0[1]);
        at += 1;
    }
    at = 0;
    while at < IN_FULL.len() {
        second[(IN_FULL[at].0[0] - b'A') as usize] |= letter(IN_FULL[at].0[1]);
        at += 1;
    }
    at = 0;
    while at < AREAS.len() {
        second[(AREAS[at][0] - b'A') as usize] |= letter(AREAS[at][1]);
        at += 1;
    }
    second[(b'U' - b'A') as usize] |= letter(b'T');
    second[(b'G' - b'A') as usize] |= letter(b'M');
    second
};

/// The bit of a letter; 0 for another byte.
const fn letter(byte: u8) -> u64 {
    if byte.is_ascii_alphabetic() { 1 << (byte - b'A') } else { 0 }
}

/// Whether a name can begin with these two bytes. `Z`, `utc` and `gmt` are checked in full
/// elsewhere.
#[inline]
pub(super) fn may_begin(first: u8, second: u8) -> bool {
    match first {
        b'A'..=b'Y' => SECOND[usize::from(first - b'A')] & letter(second) != 0,
        b'Z' => true,
        b'u' | b'g' => matches!(second, b't' | b'm'),
        _ => false,
    }
}

/// The offset that an abbreviation means, in minutes.
pub(super) fn offset_minutes(name: &[u8]) -> Option<i16> {
    // The names of levels end with other letters.
    if !(3..=4).contains(&name.len()) || !matches!(name[name.len() - 1], b'T' | b'K' | b'Z' | b'B' | b'A') {
        return None;
    }
    NAMES.iter().find(|(own, _)| *own == name).map(|(_, minutes)| *minutes)
}

/// The offset of the full name at the beginning of `rest`, and the length of the name.
pub(super) fn in_full(rest: &[u8]) -> Option<(i16, usize)> {
    if !matches!(rest.first()?, b'C' | b'E' | b'G' | b'J') {
        return None;
    }
    IN_FULL.iter().find(|(own, _)| rest.starts_with(own)).map(|(own, minutes)| (*minutes, own.len()))
}

/// Whether this is a name of UTC.
pub(super) fn is_utc(name: &[u8]) -> bool {
    matches!(name, b"UTC" | b"GMT" | b"UT" | b"utc" | b"gmt" | b"Z")
}

/// Whether a name before a slash is the first part of a region.
pub(super) fn is_region(area: &[u8]) -> bool {
    AREAS.contains(&area)
}

/// Whether the name of a region may contain this byte.
pub(super) fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+')
}
