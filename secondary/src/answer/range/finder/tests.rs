use super::*;
use backscroll_shared::time::LineTimes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const NANOS: i64 = 1_000_000_000;
/// 2026-11-05T00:00:00Z.
const DAY: i64 = 1_793_836_800;

fn line(seconds: i64, more: usize) -> Vec<u8> {
    let time = Timestamp::from_second(seconds).unwrap();
    format!("{time} GET /{}\n", "x".repeat(more)).into_bytes()
}

fn lines(times: impl IntoIterator<Item = i64>) -> Vec<u8> {
    times.into_iter().flat_map(|at| line(at, 60)).collect()
}

fn times() -> LineTimes {
    LineTimes::with_zone(DAY + 86_400, TimeZone::get("Europe/Berlin").unwrap())
}

/// Looks for the edge in a file, part of which is a hole. Returns the outcome, and the bytes read.
fn found(mut finder: Finder, file: &[u8]) -> (Outcome, u64) {
    while let Some(span) = finder.wanted() {
        let from = usize::try_from(span.offset).unwrap();
        finder.take(span, &file[from..from + span.len]);
        assert!(finder.bytes_read() <= 16 << 20, "it does not end");
    }
    (finder.outcome().unwrap(), finder.bytes_read())
}

fn edge(file: &[u8], until: i64) -> (Outcome, u64) {
    found(Finder::new(Window::whole(file.len() as u64), Some(until * NANOS), times()), file)
}

/// The offset after the last line that is older than `until`.
fn needed(file: &[u8], until: i64) -> u64 {
    let (mut at, mut needed) = (0, 0);
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        at += line.len() as u64;
        let time = std::str::from_utf8(line).unwrap().split(' ').next().unwrap().parse::<Timestamp>();
        if time.is_ok_and(|time| time.as_second() < until) {
            needed = at;
        }
    }
    needed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_edge_loses_nothing_while_the_disorder_is_within_the_slack(
        count in 1i64..30_000,
        step in 0i64..40,
        jitter in prop::collection::vec(0i64..=300, 1..50),
        until in 0f64..1.1,
        untimed in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let mut file = Vec::new();
        for at in 0..count {
            let index = usize::try_from(at).unwrap();
            if untimed[index % untimed.len()] {
                file.extend_from_slice(b"    at com.example.Main(Main.java:1)\n");
            }
            file.extend(line(DAY + at * step - jitter[index % jitter.len()], index * 7 % 90));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a place in the file")]
        let until = DAY + ((count * step) as f64 * until) as i64;
        let (outcome, _) = edge(&file, until);
        let Outcome::Edge { at, .. } = outcome else { panic!("{outcome:?}") };
        prop_assert!(at >= needed(&file, until), "{at} {}", needed(&file, until));
        prop_assert!(at == file.len() as u64 || file[usize::try_from(at).unwrap() - 1] == b'\n');
    }
}

#[test]
fn in_a_file_in_order_little_is_read_and_the_edge_is_near() {
    let file = lines((0..300_000).map(|at| DAY + at));
    for until in [1, 1000, 150_000, 299_000] {
        let (outcome, read) = edge(&file, DAY + until);
        let Outcome::Edge { at, newest } = outcome else { panic!("{outcome:?}") };
        let needed = needed(&file, DAY + until);
        assert!(at >= needed && at <= needed + (128 << 10), "{at} {needed}");
        assert!(newest.is_none_or(|newest| newest >= (DAY + until) * NANOS));
        assert!(read <= 384 << 10, "{read}");
    }
    // The end of the file is in the range, so nothing is looked for.
    for until in [299_900, 300_000, 400_000] {
        assert_eq!(edge(&file, DAY + until).0, Outcome::Edge { at: file.len() as u64, newest: None });
    }
}

#[test]
fn a_clock_that_was_set_back_contradicts() {
    let times = (0..20_000).chain(16_400..40_000);
    let file = lines(times.map(|at| DAY + at));
    for until in [16_500, 17_000, 18_000, 19_000] {
        assert_eq!(edge(&file, DAY + until).0, Outcome::Disorder, "{until}");
    }
    // Before the search stops at the older edge, the lines before it are looked at.
    let second = line(DAY, 60).len() as u64 * 20_000;
    let before = |from, since| {
        let window = Window { start: 0, end: from };
        found(Finder::before(window, from, since * NANOS, self::times()), &file).0
    };
    assert_eq!(before(second + 40_000, DAY + 17_000), Outcome::Disorder);
    assert!(matches!(before(second / 2, DAY + 17_000), Outcome::Edge { .. }));
}

#[test]
fn what_has_no_times_is_told_from_what_has_no_text() {
    let text = b"no time in here\n".repeat(600_000);
    assert_eq!(edge(&text, DAY).0, Outcome::NoTimes);
    let (outcome, read) = found(Finder::new(Window::whole(text.len() as u64), None, times()), &text);
    assert_eq!(outcome, Outcome::NoTimes);
    assert!(read <= 5 << 20, "{read}");
    assert_eq!(edge(b"x", DAY).0, Outcome::NoTimes);
    for empty in [vec![], vec![0; 5], vec![0; 5 << 20]] {
        assert_eq!(edge(&empty, DAY).0, Outcome::Edge { at: empty.len() as u64, newest: None });
    }
    // A time at the start only, or in the middle only.
    let mut early = lines([DAY]);
    early.extend_from_slice(&text);
    assert!(matches!(edge(&early, DAY).0, Outcome::Edge { .. }));
    let mut middle = text.clone();
    middle.splice(4_800_000 - 4_096..4_800_000 - 4_096, lines((0..100).map(|at| DAY + at)));
    assert!(matches!(edge(&middle, DAY).0, Outcome::Edge { .. }));
}

#[test]
fn times_without_a_year_are_not_searched_but_read() {
    let file = b"Nov  5 08:11:12 host app: x\n".repeat(20_000);
    let (outcome, read) = edge(&file, DAY);
    assert_eq!(outcome, Outcome::Edge { at: file.len() as u64, newest: None });
    assert!(read <= 16 << 10);
}

#[test]
fn the_hour_that_comes_twice_is_read_to_its_end() {
    // 2026-10-25 in Berlin: 02:00 to 03:00 comes twice, and ends at 01:00Z the second time.
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let midnight = 1_792_879_200;
    let local = |at: i64| {
        let time = zone.to_datetime(Timestamp::from_second(midnight + at).unwrap());
        format!("{} GET /{}\n", time.strftime("%Y-%m-%d %H:%M:%S"), "x".repeat(60)).into_bytes()
    };
    let mut offsets = Vec::new();
    let mut file = Vec::new();
    for at in (0..8 * 3600).step_by(2) {
        offsets.push((at, file.len() as u64));
        file.extend(local(at));
    }
    for until in (0..6 * 3600).step_by(600) {
        let (outcome, _) = edge(&file, midnight + until);
        let Outcome::Edge { at, .. } = outcome else { panic!("{outcome:?}") };
        let needed = offsets.iter().find(|(time, _)| *time >= until).unwrap().1;
        assert!(at >= needed, "{until}: {at} {needed}");
        // The lines at the edge tell which of the two hours is meant before them.
        let is_touched = (2 * 3600..4 * 3600).contains(&until);
        let end = offsets.iter().find(|(time, _)| *time >= 4 * 3600).unwrap().1;
        assert!(!is_touched || at >= end, "{until}");
    }
}

#[test]
fn holes_are_passed_over() {
    let text = lines((0..2_000).map(|at| DAY + at));
    let hole = 100 << 30;
    let size = text.len() as u64 + hole + text.len() as u64;
    let newer = lines((10_000..12_000).map(|at| DAY + at));
    let byte = |at: u64| {
        let at_newer = at.checked_sub(text.len() as u64 + hole);
        let older = usize::try_from(at).ok().and_then(|at| text.get(at));
        at_newer.map_or_else(|| older.copied().unwrap_or(0), |at| newer[usize::try_from(at).unwrap()])
    };
    let mut finder = Finder::new(Window::whole(size), Some((DAY + 1_000) * NANOS), times());
    while let Some(span) = finder.wanted() {
        let bytes: Vec<u8> = (span.offset..span.end()).map(byte).collect();
        finder.take(span, &bytes);
        if is_all_nul(&bytes) {
            finder.skip_hole(text.len() as u64);
        }
    }
    let Some(Outcome::Edge { at, .. }) = finder.outcome() else { panic!("{finder:?}") };
    assert!(at >= needed(&text, DAY + 1_000) && at <= size - newer.len() as u64 + (128 << 10), "{at}");
    assert!(finder.bytes_read() <= 1 << 20, "{}", finder.bytes_read());
}

#[test]
fn times_that_are_rare_let_no_bounds_cross() {
    let untimed = |bytes: usize| b"no time in here\n".repeat(bytes / 16);
    for shift in 0..40 {
        let mut file = lines((0..40).map(|at| DAY + at));
        file.extend(untimed(2 << 20));
        file.extend(lines((100..140).map(|at| DAY + at)));
        file.extend(lines((10_000..10_040).map(|at| DAY + at)));
        file.extend(untimed((1 << 20) + shift * 3_000));
        let until = DAY + 1_000;
        let (outcome, _) = edge(&file, until);
        let Outcome::Edge { at, .. } = outcome else { panic!("{outcome:?}") };
        assert!(at >= needed(&file, until), "{shift}");
    }
}
