//! Times that jiff writes are found again, and no input makes the search panic.

use super::{LineTimes, berlin, rfc3339};
use crate::time::NANOS;
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use proptest::prelude::*;

/// A form for jiff's `strftime`, and how many digits its fraction has.
const FORMS: [(&str, u32); 40] = [
    ("%Y-%m-%dT%H:%M:%S%:z up", 0),
    ("%Y-%m-%d %H:%M:%S.%9f%z up", 9),
    ("%Y-%m-%d %H:%M:%S,%3f %z up", 3),
    ("INFO [main] %Y-%m-%dT%H:%M:%S.%6f%:z up", 6),
    ("%Y-%m-%dT%H:%M:%S%z host systemd[1]: up", 0),
    ("%Y-%m-%d %H:%M:%S,%3f up", 3),
    ("%Y/%m/%d %H:%M:%S up", 0),
    ("%Y-%m-%d %I:%M:%S.%3f %p up", 3),
    ("%a %d %b %Y %I:%M:%S %p %Z up", 0),
    ("%a %b %e %-I:%M:%S%P %Y", 0),
    ("%Y-%m-%d %_H:%M:%S 17 [Note] up", 0),
    ("%Y%m%dT%H%M%S.%3f%z up", 3),
    ("%d.%m.%Y %H:%M:%S up", 0),
    ("[GIN] %Y/%m/%d - %H:%M:%S | 200 | up", 0),
    ("=INFO REPORT==== %-d-%b-%Y::%H:%M:%S ===", 0),
    ("%A, %B %-d, %Y at %-I:%M:%S %p up", 0),
    ("%a %b %d %Y %H:%M:%S GMT%z (somewhere) up", 0),
    ("%a %b %e %H:%M:%S %z %Y up", 0),
    ("{\"msg\":\"up\",\"@t\":\"%Y-%m-%dT%H:%M:%S.%9f%:z\"}", 9),
    ("\u{feff}\u{1b}[32m%Y-%m-%d %H:%M:%S\u{1b}[0m up", 0),
    ("<34>1 %Y-%m-%dT%H:%M:%S.%3f%:z host su - ID47 - up", 3),
    ("10.1.2.3 - - [%d/%b/%Y:%H:%M:%S %z] \"GET / HTTP/1.1\"", 0),
    ("[%a %b %d %H:%M:%S.%6f %Y] [core:error] up", 6),
    ("%a %b %e %H:%M:%S %Y", 0),
    ("%b %d, %Y %I:%M:%S %p org.a.B run", 0),
    ("%b %d, %Y %-I:%M:%S %p org.a.B run", 0),
    ("%d-%b-%Y %H:%M:%S.%3f INFO [main] up", 3),
    ("{\"level\":\"info\",\"time\":\"%Y-%m-%dT%H:%M:%S.%9f%:z\"}", 9),
    ("level=info time=\"%Y-%m-%d %H:%M:%S %z\" msg=up", 0),
    ("ts=%Y-%m-%dT%H:%M:%S%:z msg=up", 0),
    ("%s up", 0),
    ("[%s] up", 0),
    ("%s%3f up", 3),
    ("%s.%6f up", 6),
    ("{\"ts\":%s.%9f,\"msg\":\"up\"}", 9),
    // Without a year, in the year before the file was last written.
    ("%b %e %H:%M:%S host up", 0),
    ("<34>%b %d %H:%M:%S.%3f host up", 3),
    ("I%m%d %H:%M:%S.%6f  1 file.go:1] up", 6),
    ("%m-%d %H:%M:%S.%3f  1234  1250 I Tag: up", 3),
    ("[%m.%d %H:%M:%S] up", 0),
];

/// Ten digits of seconds begin here, in 2001.
const FIRST: i64 = 1_000_000_000;

/// 2099-12-30.
const LAST: i64 = 4_102_272_000;

/// The hour that occurs twice in autumn is not tested here: only one of the two is found.
fn is_told_once(time: &Zoned) -> bool {
    !time.time_zone().to_ambiguous_timestamp(time.datetime()).is_ambiguous()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_jiff_writes_is_found_again(
        second in FIRST..LAST,
        nanos in 0..NANOS,
        form in prop::sample::select(&FORMS[..]),
        quarters in -48i32..=56,
    ) {
        let (form, digits) = form;
        let unit = 10i64.pow(9 - digits);
        let instant = Timestamp::from_nanosecond(i128::from(second * NANOS + nanos / unit * unit)).unwrap();
        // A line without a zone is in the host's zone.
        let zone = if form.contains(['z', 'Z']) {
            TimeZone::fixed(Offset::from_seconds(quarters * 900).unwrap())
        } else {
            berlin()
        };
        let time = instant.to_zoned(zone);
        prop_assume!(is_told_once(&time));
        let line = strtime::format(form, &time).unwrap();
        let at = LineTimes::with_zone(second, berlin()).of(line.as_bytes()).expect(&line);
        prop_assert_eq!(i128::from(at.nanos), instant.as_nanosecond(), "{}", line);
        if !form.contains("%s") {
            prop_assert_eq!(i32::from(at.offset_minutes) * 60, time.offset().seconds(), "{}", line);
        }
        prop_assert_eq!(rfc3339(at).parse::<Timestamp>().unwrap(), instant);
    }

    #[test]
    fn any_bytes_are_borne(line in prop::collection::vec(any::<u8>(), 0..400)) {
        LineTimes::with_zone(0, berlin()).of(&line);
    }

    #[test]
    fn pieces_of_times_are_borne(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12),
        cut in 0usize..100,
    ) {
        let line = pieces.concat();
        let mut times = LineTimes::with_zone(0, berlin());
        times.of(line.as_bytes());
        times.of(&line.as_bytes()[cut.min(line.len())..]);
        times.of(&line.as_bytes()[..cut.min(line.len())]);
    }

    #[test]
    fn a_zone_is_cached_as_it_is(
        seconds in prop::collection::vec((FIRST..LAST, 0i64..7200), 1..8),
        zone in prop::sample::select(&ZONES[..]),
    ) {
        let zone = TimeZone::posix(zone).unwrap();
        let mut times = LineTimes::with_zone(0, zone.clone());
        for (second, more) in seconds {
            // Both anywhere and around the hours in which clocks change.
            let set = zone.following(Timestamp::from_second(second).unwrap()).next();
            let near = set.map_or(second, |set| set.timestamp().as_second());
            for second in [second, second + more, near - 3600 + more, near - 7200 + more] {
                let civil = Offset::UTC.to_datetime(Timestamp::from_second(second).unwrap());
                let ambiguous = zone.to_ambiguous_zoned(civil);
                // Which of the two is meant depends on the lines before.
                let is_told_twice = matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. });
                let either = [ambiguous.clone().earlier().unwrap(), ambiguous.clone().later().unwrap()];
                let expected = ambiguous.compatible().unwrap();
                let line = civil.strftime("%Y-%m-%d %H:%M:%S up").to_string();
                let at = times.of(line.as_bytes()).expect(&line);
                let is = |one: &Zoned| {
                    (i128::from(at.nanos), i32::from(at.offset_minutes) * 60)
                        == (one.timestamp().as_nanosecond(), one.offset().seconds())
                };
                prop_assert!(is(&expected) || is_told_twice && either.iter().any(is), "{}", line);
            }
        }
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_apart(
        second in FIRST..LAST,
        // The order of two lines that are almost an hour apart cannot be known.
        gaps in prop::collection::vec(prop_oneof![0i64..60, 0i64..1500], 1..60),
        more in 0i64..10_800,
        zone in prop::sample::select(&ZONES[..2]),
    ) {
        let zone = TimeZone::posix(zone).unwrap();
        let set = zone.following(Timestamp::from_second(second).unwrap()).next().unwrap();
        let mut second = set.timestamp().as_second() + more;
        let mut times = LineTimes::with_zone(second, zone.clone());
        for gap in gaps {
            let time = Timestamp::from_second(second).unwrap().to_zoned(zone.clone());
            let line = time.strftime("%Y-%m-%d %H:%M:%S up").to_string();
            prop_assert_eq!(times.of(line.as_bytes()).expect(&line).nanos, second * NANOS, "{}", line);
            second -= gap;
        }
    }

    #[test]
    fn the_years_of_years_of_syslog_are_right(
        newest in FIRST * 3 / 2..LAST,
        later in 0i64..3600,
        gaps in prop::collection::vec(prop_oneof![0i64..600, -21_600i64..21_600], 1..60),
        // If gaps add up to a year, it cannot be known whether the lines between them are odd.
        gap in 0i64..28_857_600,
        at in 0usize..60,
    ) {
        let mut gaps = gaps;
        gaps.insert(at.min(gaps.len()), gap);
        let mut times = LineTimes::with_zone(newest + later, TimeZone::UTC);
        let mut second = newest;
        for gap in gaps {
            let time = Timestamp::from_second(second).unwrap().to_zoned(TimeZone::UTC);
            let line = time.strftime("%b %e %H:%M:%S host up").to_string();
            let at = times.of(line.as_bytes()).expect(&line);
            prop_assert_eq!(at.nanos, second * NANOS, "{} in {}", line, time.year());
            second -= gap;
        }
    }
}

/// Two ordinary zones, and one whose clocks change by half an hour.
const ZONES: [&str; 3] =
    ["CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"];

/// The parts of times, and text around them.
const PIECES: [&str; 36] = [
    "2024",
    "11",
    "05",
    "5",
    "-",
    "/",
    ".",
    ":",
    " ",
    "  ",
    "T",
    "Z",
    "+02",
    "+02:00",
    "Nov",
    "Tue",
    ",",
    "[",
    "]",
    "10:11:12",
    "10:11:12.5",
    "AM",
    "\"",
    "{\"time\":",
    "{\"log\":",
    "ts=",
    "time=\"",
    "msg=audit(",
    "1730801472",
    "I1105",
    "\x1b[2m",
    "<34>",
    "|",
    "INFO",
    "\u{202f}",
    "99",
];
