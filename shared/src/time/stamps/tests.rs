//! Stamps of whole files, compared with the known time at which each line was written.

use super::*;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const SECOND: i64 = NANOS;

fn stamps(modified: i64) -> Stamps {
    Stamps::new(LineTimes::with_zone(modified, TimeZone::UTC), modified)
}

fn record<'a>(offset: u64, bytes: &'a [u8], older: &'a [u8]) -> Record<'a> {
    Record { offset, bytes, lines: 1, truncated_lines: 0, older }
}

#[test]
fn a_block_that_is_looked_at_early_costs_no_year() {
    // 2024-11-25T12:00:00Z.
    let mut stamps = stamps(1_732_536_000);
    let newest = stamps.newest_of(b"cut off\nNov  1 11:00:00 h a: x\nNov 25 11:0").unwrap();
    let Known::Stamp(Some(cut)) = stamps.of(&record(40, b"Nov 25 11:00:00 h a: y", b""), false) else {
        panic!("it carries a time")
    };
    assert_eq!((cut.nanos - newest) / SECOND, 24 * 86_400, "both are of 2024");
}

#[test]
fn one_odd_line_at_the_end_of_a_block_does_not_stand_for_the_block() {
    let mut stamps = stamps(2_000_000_000);
    let mut block = b"cut off\n".to_vec();
    for second in 0..100 {
        block.extend_from_slice(format!("{} x\n", 1_700_000_000 + second).as_bytes());
    }
    let last_normal = stamps.newest_of(&block).unwrap();
    assert_eq!(last_normal, 1_700_000_099 * SECOND);
    block.extend_from_slice(b"2001-09-09T01:46:40Z odd\n");
    let newest = stamps.newest_of(&block).unwrap();
    assert!((1_700_000_070..1_700_000_099).contains(&(newest / SECOND)), "{newest}");
}

#[test]
fn where_no_older_line_is_near_the_last_time_seen_stands_in() {
    let mut stamps = stamps(2_000_000_000);
    let far = 1 << 30;
    assert_eq!(stamps.of(&record(far, b" at a", b" at b\n"), true), Known::LookBack);
    assert!(!stamps.older_line(far, far - (1 << 20), b" at c"), "nothing is known: it goes on");
    assert!(stamps.older_line(far, far - (5 << 20), b" at d"));
    assert_eq!(stamps.settled(far), None);
    let time = LineTime { nanos: 1_700_000_000 * SECOND, offset_minutes: 0 };
    assert_eq!(
        stamps.of(&record(far - (6 << 20), b"1700000000 x", b""), false),
        Known::Stamp(Some(Stamp::carried(time)))
    );
    let next = far - (7 << 20);
    assert_eq!(stamps.of(&record(next, b" at e", b""), false), Known::LookBack);
    assert!(stamps.older_line(next, next - (200 << 10), b" at f"), "a time is known: it gives up");
    assert_eq!(stamps.settled(next), Some(Stamp::inherited(time.nanos)));
    // At the beginning of the file there is no older line, and no time.
    assert_eq!(stamps.of(&record(9, b" at g", b" at h\n at i\n"[..9].as_ref()), true), Known::Stamp(None));
}

/// A line, the time at which it was written, and whether it carries another time.
#[derive(Debug, Clone)]
struct Line {
    text: String,
    written: i64,
    is_odd: bool,
}

fn line(written: i64, carried: Option<i64>) -> Line {
    let text = match carried {
        Some(carried) => {
            let time = jiff::Timestamp::from_nanosecond(i128::from(carried)).unwrap();
            format!("{time:.3} a line")
        }
        None => "\tat a frame".to_owned(),
    };
    Line { text, written, is_odd: carried.is_some_and(|carried| carried != written) }
}

/// The stamp of each line, newest first, if so many bytes before a line are in memory; and the
/// bytes that look backs have read.
fn stamped(lines: &[Line], at_hand: usize) -> (Vec<Option<Stamp>>, u64) {
    let file: Vec<u8> = lines.iter().flat_map(|line| [line.text.as_bytes(), b"\n"].concat()).collect();
    let modified = lines.last().map_or(0, |line| line.written / SECOND);
    let mut stamps = stamps(modified);
    let (mut end, mut read) = (file.len(), 0);
    let mut out = Vec::new();
    for line in lines.iter().rev() {
        let start = end - line.text.len() - 1;
        // Blocks begin at multiples of their length.
        let base = start - start % at_hand;
        let record = record(start as u64, line.text.as_bytes(), &file[base..start]);
        let stamp = match stamps.of(&record, true) {
            Known::Stamp(stamp) => stamp,
            Known::LookBack => {
                let mut end = usize::try_from(stamps.looked_to()).unwrap();
                let from = end;
                while end > 0 && ((from - end) as u64) < stamps.look_back_bytes() {
                    let feed = memrchr(b'\n', &file[..end - 1]).map_or(0, |feed| feed + 1);
                    let is_enough = stamps.older_line(start as u64, feed as u64, &file[feed..end - 1]);
                    end = feed;
                    if is_enough {
                        break;
                    }
                }
                read += (from - end) as u64;
                stamps.settled(start as u64)
            }
        };
        out.push(stamp);
        end = start;
    }
    (out, read)
}

/// The seconds of the stamps, oldest first, counted from the time of the first line.
fn seconds(lines: &[Line], at_hand: usize) -> Vec<i64> {
    let (stamps, _) = stamped(lines, at_hand);
    let from = lines[0].written;
    stamps.iter().rev().map(|stamp| (stamp.unwrap().nanos - from) / SECOND).collect()
}

const START: i64 = 1_795_600_000 * SECOND;

/// So many lines, one each second. Some carry another time: seconds from their own.
fn a_line_a_second(count: i64, odd: &[(std::ops::Range<i64>, i64)]) -> Vec<Line> {
    (0..count)
        .map(|n| {
            let written = START + n * SECOND;
            let by = odd.iter().find(|(range, _)| range.contains(&n)).map_or(0, |(_, by)| *by);
            line(written, Some(written + by * SECOND))
        })
        .collect()
}

#[test]
fn a_time_that_is_too_old_or_too_new_moves_no_other_line() {
    let year = 366 * 86_400;
    for run in [1, 2, 5, 9, 40, 500] {
        for by in [-1i64, -30, -90, -1200, -7200, -86_400, -year, 1, 30, 90, 1200, 7200, 86_400, year] {
            if run > 4 && (by.abs() <= 60 || run > by.abs() / 2) {
                // A run that is wrong by less than a minute is not examined, and one that lasts
                // longer than it is wrong by overlaps with the lines before it.
                continue;
            }
            let lines = a_line_a_second(1200, &[(600..600 + run, by)]);
            for at_hand in [1 << 10, 16 << 10, 512 << 10] {
                if by.abs() < 3600 && at_hand < 512 << 10 {
                    // Nothing is read for a step of less than an hour.
                    continue;
                }
                let found = seconds(&lines, at_hand);
                for (n, (found, _)) in
                    (0i64..).zip(found.iter().zip(&lines)).filter(|(_, (_, line))| !line.is_odd)
                {
                    assert_eq!(*found, n, "line {n}, {run} odd by {by}, {at_hand} at hand");
                }
            }
        }
    }
}

#[test]
fn a_host_that_starts_without_a_clock_hides_nothing_even_in_its_newest_lines() {
    for count in [3, 100, 400] {
        let mut lines = a_line_a_second(900, &[]);
        lines.extend((0..count).map(|n| line(START + (900 + n) * SECOND, Some((10 + n) * SECOND))));
        // The file's last change comes from the same clock.
        lines.last_mut().unwrap().written = (10 + count) * SECOND;
        let found = seconds(&lines, 512 << 10);
        for (n, found) in (0i64..).zip(&found) {
            assert_eq!(*found, n.min(899), "line {n} of {count} at the start");
        }
    }
}

#[test]
fn a_host_that_was_silent_for_long_keeps_its_times() {
    let mut lines = a_line_a_second(300, &[]);
    let day = 86_400;
    lines.extend((0..30).map(|n| line(START + (day + n) * SECOND, Some(START + (day + n) * SECOND))));
    // A line every two hours: each is such a step.
    lines.extend((1..500).map(|n| {
        let at = START + (2 * day + 7200 * n) * SECOND;
        line(at, Some(at))
    }));
    for at_hand in [1 << 10, 16 << 10, 512 << 10] {
        let (found, read) = stamped(&lines, at_hand);
        for (line, stamp) in lines.iter().rev().zip(found) {
            assert_eq!(stamp.unwrap().nanos, line.written);
        }
        let size: usize = lines.iter().map(|line| line.text.len() + 1).sum();
        assert!(read <= 2 * size as u64, "{read} of {size} bytes were read again");
    }
}

#[test]
fn a_line_without_a_time_does_not_inherit_an_odd_one() {
    let mut lines = a_line_a_second(20, &[(10..11, -86_400)]);
    lines.insert(11, line(START + 10 * SECOND, None));
    let found = seconds(&lines, 1 << 20);
    assert_eq!(found[9..13], [9, 9, 9, 11]);
}

#[test]
fn the_largest_step_back_is_told() {
    let lines = a_line_a_second(50, &[(20..21, -90), (30..31, 45)]);
    let file: Vec<u8> = lines.iter().flat_map(|line| [line.text.as_bytes(), b"\n"].concat()).collect();
    let mut stamps = stamps(lines[49].written / SECOND);
    let last = memrchr(b'\n', &file[..file.len() - 1]).unwrap() + 1;
    assert!(matches!(
        stamps.of(&record(last as u64, lines[49].text.as_bytes(), &file[..last]), true),
        Known::Stamp(_)
    ));
    assert_eq!(stamps.disorder_ms(), 0);
    let end = file.len() / 50 * 15;
    assert!(matches!(
        stamps.of(&record(end as u64, lines[15].text.as_bytes(), &file[..end]), true),
        Known::Stamp(_)
    ));
    let mut stamps = super::tests::stamps(lines[49].written / SECOND);
    let mut end = file.len();
    for line in lines.iter().rev() {
        end -= line.text.len() + 1;
        stamps.of(&record(end as u64, line.text.as_bytes(), &file[..end]), true);
    }
    assert_eq!(stamps.disorder_ms(), 89_000);
}

#[test]
fn in_logs_with_traces_and_odd_times_lines_that_are_not_odd_keep_theirs() {
    let first = fastrand::u64(..);
    for seed in first..first + 500 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let mut lines: Vec<Line> = Vec::new();
        let mut now = START;
        let mut normal = 0;
        let count = random.usize(30..3000);
        while lines.len() < count {
            if !lines.is_empty() && random.u8(0..6) == 0 {
                let run = if random.u8(0..30) == 0 { random.usize(200..1500) } else { random.usize(1..4) };
                let (written, is_odd) = lines.last().map_or((now, true), |line| (line.written, line.is_odd));
                lines.extend((0..run).map(|_| Line { is_odd, ..line(written, None) }));
                continue;
            }
            if normal > 24 && random.u8(0..30) == 0 {
                normal = 0;
                let by = [-1500i64, -5000, -90_000, -7_200_000, -1_699_000_000_000, 1500, 90_000, 86_400_000];
                let by = by[random.usize(0..by.len())];
                let run = match by {
                    -1_699_000_000_000 => random.usize(1..400),
                    by if by.abs() > 60_000 => random.usize(1..4),
                    _ => 1,
                };
                for _ in 0..run {
                    now += random.i64(1..150) * 1_000_000;
                    lines.push(line(now, Some(now + by * 1_000_000)));
                }
                continue;
            }
            normal += 1;
            now += random.i64(0..300) * 1_000_000;
            lines.push(line(now, Some(now)));
        }
        let last = lines.iter().rposition(|line| !line.is_odd).unwrap();
        lines.truncate(last + 1);
        let (stamps, _) = stamped(&lines, 16 << 10);
        for (n, (line, stamp)) in lines.iter().zip(stamps.iter().rev()).enumerate() {
            let is_right = line.is_odd || stamp.unwrap().nanos == line.written;
            assert!(is_right, "seed {seed}: line {n}, {:?}, has {stamp:?}", line.text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Lines that are not odd keep their times, whatever other lines are odd, and no stamp is newer
    /// than the one before.
    #[test]
    fn odd_lines_move_no_others(
        count in 1i64..400,
        odd in prop::collection::vec((0i64..400, 1i64..4, prop_oneof![
            -86_400i64..86_400, -3_000_000i64..3_000_000, Just(-1_700_000_000i64)
        ]), 0..4),
        untimed in prop::collection::vec(0i64..400, 0..10),
        gap_ms in 1i64..5000,
    ) {
        let lines: Vec<Line> = (0..count)
            .map(|n| {
                let written = START + n * gap_ms * 1_000_000;
                let by = odd.iter().find(|(at, run, _)| (*at..at + run).contains(&n)).map_or(0, |(_, _, by)| *by);
                let carried = (!untimed.contains(&n)).then_some(written + by * SECOND);
                line(written, carried)
            })
            .collect();
        // Near the beginning of a file, and near each other, it cannot be known which lines are
        // odd.
        let is_clear = odd.iter().enumerate().all(|(index, (at, run, _))| {
            at - run >= 16 && odd.iter().skip(index + 1).all(|(other, ..)| (at - other).abs() >= 24)
        });
        let (stamps, _) = stamped(&lines, 1 << 20);
        let mut last = i64::MAX;
        for (line, stamp) in lines.iter().rev().zip(&stamps) {
            let Some(stamp) = stamp else { continue };
            prop_assert!(stamp.nanos <= last);
            last = stamp.nanos;
            if is_clear && stamp.own.is_some() && !line.is_odd {
                prop_assert_eq!(stamp.nanos, line.written, "{}", line.text);
            }
        }
    }
}
