use super::*;

fn hosts(all: &[(&str, Status)]) -> BTreeMap<String, Verdict> {
    all.iter()
        .map(|(name, status)| {
            let verdict = match status {
                Status::Timeout => {
                    Verdict { status: *status, ..Verdict::failed(Code::UpstreamTimeout, "late".to_owned()) }
                }
                Status::Failed => Verdict::failed(Code::IoError, "disk".to_owned()),
                other => Verdict::new(*other),
            };
            ((*name).to_owned(), verdict)
        })
        .collect()
}

fn of(hosts: usize) -> Asked {
    Asked { hosts, absent: Absent::default() }
}

#[test]
fn a_source_that_is_missing_is_not_counted_as_a_host() {
    let mut all = hosts(&[("a", Status::Complete)]);
    let mut absent = Missing::default();
    absent.add_source("b.internal:1", "has no address".to_owned());
    let asked = Asked { hosts: 1, absent: Absent::of(&absent) };
    all.extend(missing(&absent));
    let told = overall(all.clone(), asked, OnError::Report).error.unwrap().detail;
    assert!(told.starts_with("0 of 1 hosts failed and the hosts of a source"), "{told}");
    assert!(
        told.contains("b.internal:1 (upstream_unreachable)") && told.ends_with("has no address"),
        "{told}"
    );
    all.insert("a".to_owned(), Verdict::failed(Code::IoError, "disk".to_owned()));
    let told = overall(all, asked, OnError::Report).error.unwrap().detail;
    assert!(told.starts_with("1 of 1 hosts failed and the hosts of a source"), "{told}");
}

#[test]
fn hosts_that_are_missing_are_counted_as_hosts_that_failed() {
    let mut absent = Missing::default();
    absent.add_host("c", "it is expected".to_owned());
    absent.add_hosts(3, "6 hosts are expected".to_owned());
    let asked = Asked { hosts: 2, absent: Absent::of(&absent) };
    let mut all = hosts(&[("a", Status::Complete), ("b", Status::Complete)]);
    all.extend(missing(&absent));
    let verdict = overall(all.clone(), asked, OnError::Report);
    let told = verdict.error.unwrap().detail;
    assert!(told.starts_with("4 of 6 hosts failed: +3 (upstream_unreachable), c ("), "{told}");
    assert!(told.ends_with("+3: 6 hosts are expected"), "{told}");
    assert_eq!((verdict.status, hosts_failed(&all).as_str()), (Status::Partial, "+3,c"));
    all.insert("b".to_owned(), Verdict::failed(Code::IoError, "disk".to_owned()));
    let told = overall(all, asked, OnError::Report).error.unwrap().detail;
    assert!(told.starts_with("5 of 6 hosts failed: "), "{told}");
}

#[test]
fn hosts_without_the_file_do_not_make_an_answer_partial() {
    let all = hosts(&[("a", Status::Complete), ("b", Status::NotFound)]);
    assert!(problem(&all, of(2), OnError::Fail, "f").is_none());
    assert_eq!(overall(all, of(2), OnError::Fail).status, Status::Complete);
    let none = hosts(&[("a", Status::NotFound), ("b", Status::NotFound)]);
    let told = problem(&none, of(2), OnError::Ignore, "f").unwrap();
    assert_eq!(told.code(), Code::NotFound);
    assert!(told.detail().starts_with("none of 2 hosts has a log file f: "), "{}", told.detail());
    let one = hosts(&[("a", Status::NotFound)]);
    let told = problem(&one, of(1), OnError::Ignore, "f").unwrap();
    assert!(told.detail().starts_with("host a has no log file f: "), "{}", told.detail());
}

#[test]
fn a_failure_is_one_whatever_becomes_of_it() {
    let some = hosts(&[("a", Status::Complete), ("b", Status::Failed), ("c", Status::Timeout)]);
    for (on_error, status) in [
        (OnError::Report, Status::Partial),
        (OnError::Ignore, Status::Partial),
        (OnError::Fail, Status::Failed),
    ] {
        assert_eq!(overall(some.clone(), of(3), on_error).status, status);
    }
    assert!(problem(&some, of(3), OnError::Report, "f").is_none());
    assert_eq!(problem(&some, of(3), OnError::Fail, "f").unwrap().code(), Code::UpstreamUnreachable);
    assert_eq!(hosts_failed(&some), "b,c");
    let late = hosts(&[("a", Status::NotFound), ("b", Status::Timeout)]);
    assert_eq!(problem(&late, of(2), OnError::Ignore, "f").unwrap().code(), Code::UpstreamTimeout);
}

#[test]
fn what_all_that_failed_say_has_its_own_status() {
    let failed = |code: &str| Verdict::failed(code.into(), format!("what to do about {code}"));
    for (code, status) in [
        ("bad_parameter", 400),
        ("unknown_parameter", 400),
        ("forbidden", 403),
        ("bad_pattern", 400),
        ("conflicting_parameters", 400),
        ("cursor_mismatch", 400),
        ("cursor_gone", 410),
        ("no_times", 422),
        ("uri_too_long", 414),
        ("unsupported_compression", 415),
        ("io_error", 500),
        ("overloaded", 503),
        ("draining", 503),
        ("upstream_unreachable", 502),
        ("upstream_timeout", 504),
        ("not_found", 502),
        ("unknown_host", 502),
        ("of_a_newer_one", 502),
    ] {
        let mut all = BTreeMap::from(["a", "b"].map(|name| (name.to_owned(), failed(code))));
        let told = problem(&all, of(2), OnError::Report, "f").unwrap();
        assert_eq!(told.code().status(), status, "{code}");
        let advice = format!("; a: what to do about {code}");
        assert!(told.detail().contains(&advice), "{}", told.detail());
        assert!(overall(all.clone(), of(2), OnError::Report).error.unwrap().detail.contains(&advice));
        // One that has not ended may say something else, and so may one that failed.
        assert!(!problem(&all, of(3), OnError::Report, "f").unwrap().detail().contains("what to do"));
        // One that does not have the file says nothing else.
        all.insert("c".to_owned(), Verdict::new(Status::NotFound));
        let told = problem(&all, of(3), OnError::Report, "f").unwrap();
        assert_eq!(told.code().status(), status, "{code}");
        assert!(told.detail().contains(&advice), "{}", told.detail());
        // Nor does what others have delivered.
        all.insert("c".to_owned(), Verdict::new(Status::Complete));
        let error = overall(all.clone(), of(3), OnError::Report).error.unwrap();
        assert!(error.detail.contains(&advice), "{error:?}");
        all.insert("d".to_owned(), failed("another"));
        assert!(!overall(all.clone(), of(4), OnError::Report).error.unwrap().detail.contains("what to do"));
        all.insert("c".to_owned(), Verdict::new(Status::NotFound));
        assert_eq!(problem(&all, of(4), OnError::Report, "f").unwrap().code().status(), 502, "{code}");
    }
}

#[test]
fn the_clients_time_is_told_apart_from_failures() {
    let late = || Verdict {
        status: Status::Timeout,
        stopped: Some(Stopped::Timeout),
        ..Verdict::failed(Code::Timeout, "over".to_owned())
    };
    let mut all = BTreeMap::from(["a", "b"].map(|name| (name.to_owned(), late())));
    for on_error in [OnError::Report, OnError::Ignore, OnError::Fail] {
        // The client gets a verdict with cursors, and no problem.
        assert!(problem(&all, of(2), on_error, "f").is_none());
        let verdict = overall(all.clone(), of(2), on_error);
        let told = (verdict.status, verdict.stopped, verdict.error.unwrap());
        assert_eq!((told.0, told.1, told.2.code), (Status::Partial, Some(Stopped::Timeout), Code::Timeout));
        assert!(
            told.2.detail.contains("before 2 of 2 hosts had ended (a (timeout), b (timeout))"),
            "{}",
            told.2.detail
        );
    }
    all.insert("c".to_owned(), Verdict::failed(Code::IoError, "disk".to_owned()));
    let detail = overall(all.clone(), of(3), OnError::Report).error.unwrap().detail;
    assert!(
        detail.contains("before 2 of 3 hosts") && detail.contains("; 1 hosts failed: c (io_error)"),
        "{detail}"
    );
    assert!(problem(&all, of(3), OnError::Report, "f").is_none());
    assert_eq!(problem(&all, of(3), OnError::Fail, "f").unwrap().code(), Code::UpstreamUnreachable);
    assert_eq!(overall(all, of(3), OnError::Fail).status, Status::Failed);
}

#[test]
fn where_the_search_stopped_is_said_of_all_hosts_together() {
    let host = |stopped, more| Verdict { stopped, more, ..Verdict::new(Status::Complete) };
    let told = |verdicts: &[Verdict]| {
        let hosts =
            verdicts.iter().enumerate().map(|(number, verdict)| (number.to_string(), verdict.clone()));
        let verdict = overall(hosts.collect(), of(verdicts.len()), OnError::Report);
        (verdict.stopped, verdict.more)
    };
    let exhausted = host(Some(Stopped::Exhausted), Some(false));
    let since = host(Some(Stopped::Since), Some(false));
    let missing = Verdict::new(Status::NotFound);
    let failed = Verdict::failed(Code::IoError, "disk".to_owned());
    let limited = Verdict { stopped: Some(Stopped::Limit), ..failed.clone() };
    let full = host(Some(Stopped::N), Some(true));
    assert_eq!(told(&[exhausted.clone(), missing.clone()]), (Some(Stopped::Exhausted), Some(false)));
    assert_eq!(told(&[exhausted.clone(), since.clone(), missing]), (Some(Stopped::Since), Some(false)));
    assert_eq!(told(&[exhausted.clone(), full]), (Some(Stopped::N), Some(true)));
    assert_eq!(told(&[exhausted.clone(), failed]), (None, None));
    assert_eq!(told(&[since, limited]), (Some(Stopped::Limit), None));
    // An older secondary does not say why it stopped.
    assert_eq!(told(&[exhausted, host(None, None)]), (None, None));
}
