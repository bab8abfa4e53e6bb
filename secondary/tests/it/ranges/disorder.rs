//! Files whose lines are not in the order of their times.

use super::{BOTH, DAY, ask, check, line, number, oracle, range};
use crate::support::Server;

/// A file whose clock was set back by an hour in the middle.
fn set_back() -> Vec<u8> {
    let times = (0..20_000).chain(16_400..40_000);
    times.flat_map(|at| line(DAY + at, 60).into_bytes()).collect()
}

#[test]
fn a_clock_that_was_set_back_is_told_and_nothing_is_lost() {
    for io in BOTH {
        let server = Server::start(io);
        let file = set_back();
        server.write("app.log", &file);
        for from in [16_450, 17_000, 18_000, 19_500] {
            let (since, until) = (DAY + from, DAY + from + 300);
            for keyword in ["", "GET", "5Z"] {
                let expected = oracle(&file, keyword, since, until, usize::MAX);
                let query = format!("{}&keyword={keyword}", range(since, until));
                let answer = ask(&server, &query);
                check(&answer, &expected, "scan");
                let disorder = number(&answer, "log-disorder-ms");
                assert!((3_000_000..=3_600_000).contains(&disorder), "{from} {keyword}: {disorder}");
                check(&ask(&server, &format!("{query}&scan=all")), &expected, "scan");
            }
            let expected = oracle(&file, "", since, i64::MAX, usize::MAX);
            check(&ask(&server, &format!("since={since}")), &expected, "scan");
        }
    }
}

#[test]
fn what_is_found_too_late_is_told_and_not_left_out() {
    for io in BOTH {
        let server = Server::start(io);
        let ordered = |from: i64, to: i64| -> String { (from..to).map(|at| line(DAY + at, 60)).collect() };
        // Ten lines are an hour too new, far from what is looked at first.
        let early = ordered(0, 20_000) + &ordered(24_000, 24_010);
        let file = early.clone() + &ordered(20_000, 90_000);
        server.write("app.log", file.as_bytes());
        let (since, until) = (DAY + 10_000, DAY + 40_000);
        let query = range(since, until);
        let answer = ask(&server, &query);
        check(&answer, &oracle(file.as_bytes(), "", since, until, usize::MAX), "scan");
        assert!(number(&answer, "log-disorder-ms") > 3_900_000);
        assert!(number(&answer, "log-bytes-scanned") >= file.len() as u64, "it had to be read");
        // Now there are records of the range after the edge.
        let file = early + &ordered(20_000, 70_123) + &ordered(30_000, 30_010) + &ordered(70_123, 90_000);
        server.write("app.log", file.as_bytes());
        let answer = ask(&server, &query);
        assert_eq!(answer.trailer("log-status"), Some("failed"), "{:?}", answer.trailers);
        let error = answer.trailer("log-error").unwrap();
        assert!(error.starts_with("out_of_order: ") && error.contains("scan=all"), "{error}");
        // Without trailers it is cut.
        let cut = server.get(&format!("/logs?filename=app.log&{query}"));
        assert!(!cut.complete);
        let expected = oracle(file.as_bytes(), "", since, until, usize::MAX);
        check(&ask(&server, &format!("{query}&scan=all")), &expected, "scan");
    }
}
