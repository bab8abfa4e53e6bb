use super::*;

#[test]
fn a_verdict_survives_the_trailers() {
    let mut verdict = Verdict::failed(Code::IoError, "reading \"a\": bad disk".to_owned());
    verdict.lines = 3;
    verdict.skipped_bytes = 4096;
    assert_eq!(Verdict::from_trailers(&verdict.to_trailers()), Some(verdict.clone()));
    verdict.error = None;
    verdict.status = Status::Complete;
    verdict.notices = vec![
        Notice { code: Notice::ROTATED_MEMBERS, count: 2, detail: "ask for a.1".to_owned() },
        Notice { code: Notice::ALIAS, count: 0, detail: "it is \u{fc}".to_owned() },
    ];
    assert_eq!(Verdict::from_trailers(&verdict.to_trailers()), Some(verdict.clone()));
    let json = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    assert_eq!(verdict.notes(), "-- note: ask for a.1\n-- note: it is \u{fc}\n".as_bytes());
}

#[test]
fn what_a_newer_program_says_besides_spoils_no_verdict() {
    let json = serde_json::to_string(&Verdict::new(Status::Complete)).unwrap();
    let newer = json.replacen('{', "{\"of_a_newer_one\":[{\"x\":1}],", 1);
    assert_eq!(serde_json::from_str::<Verdict>(&newer).unwrap(), Verdict::new(Status::Complete));
    let mut map = Verdict::new(Status::Complete).to_trailers();
    map.insert("log-of-a-newer-one", HeaderValue::from_static("x"));
    assert_eq!(Verdict::from_trailers(&map), Some(Verdict::new(Status::Complete)));
}

#[test]
fn a_notice_that_cannot_be_read_spoils_no_verdict() {
    let mut map = Verdict::new(Status::Complete).to_trailers();
    for text in ["", "no notice", "alias: x"] {
        map.append(headers::LOG_NOTICES, HeaderValue::from_static(text));
    }
    let verdict = Verdict::from_trailers(&map).unwrap();
    assert_eq!(verdict.notices.len(), 1);
}

#[test]
fn trailers_without_a_whole_verdict_are_none() {
    assert_eq!(Verdict::from_trailers(&HeaderMap::new()), None);
    let mut map = Verdict::new(Status::Complete).to_trailers();
    map.remove(headers::LOG_LINES);
    assert_eq!(Verdict::from_trailers(&map), None);
}

#[test]
fn a_verdict_that_contradicts_itself_is_none() {
    let complete = Verdict::new(Status::Complete).to_trailers();
    let failed = Verdict::failed(Code::IoError, "bad disk".to_owned()).to_trailers();
    let skipped = Verdict { skipped_bytes: 4096, ..Verdict::new(Status::Complete) }.to_trailers();
    assert!(Verdict::from_trailers(&complete).is_some() && Verdict::from_trailers(&failed).is_some());
    for (map, name, value) in [
        (&complete, headers::LOG_STATUS, "complete"),
        (&complete, headers::LOG_STATUS, "failed"),
        (&failed, headers::LOG_STATUS, "complete"),
        (&complete, headers::LOG_LINES, "0"),
        (&complete, headers::LOG_BYTES_SCANNED, "0"),
        (&complete, headers::LOG_TRUNCATED_LINES, "0"),
        (&skipped, headers::LOG_SKIPPED_BYTES, "4096"),
        (&complete, headers::LOG_ERROR, "io_error: bad disk"),
        (&complete, headers::LOG_ERROR, ""),
        (&failed, headers::LOG_ERROR, "io_error: bad disk"),
        (&complete, headers::LOG_HOSTS_FAILED, "web2"),
        (&complete, headers::LOG_HOSTS_VISIBLE, "part"),
    ] {
        let mut map = map.clone();
        map.append(&name, HeaderValue::from_static(value));
        assert_eq!(Verdict::from_trailers(&map), None, "{name} {value:?}");
    }
    for (name, value) in [
        (headers::LOG_STATUS, "Complete"),
        (headers::LOG_STATUS, "not_found"),
        (headers::LOG_STATUS, "complete, failed"),
        (headers::LOG_LINES, "+1"),
        (headers::LOG_LINES, "-1"),
        (headers::LOG_LINES, "1, 1"),
        (headers::LOG_LINES, ""),
        (headers::LOG_LINES, "18446744073709551616"),
        (headers::LOG_SKIPPED_BYTES, "-1"),
        (headers::LOG_SKIPPED_BYTES, ""),
    ] {
        let mut map = complete.clone();
        map.insert(&name, HeaderValue::from_static(value));
        assert_eq!(Verdict::from_trailers(&map), None, "{name} {value:?}");
    }
}

#[test]
fn the_last_line_for_a_browser_names_code_and_hosts_on_one_line() {
    let mut verdict = Verdict::failed(Code::IoError, "bad\r\ndisk".to_owned());
    assert_eq!(verdict.last_line(), b"-- incomplete: io_error: bad  disk\n");
    verdict.hosts.insert("web2".to_owned(), Verdict::new(Status::Timeout));
    verdict.hosts.insert("web3".to_owned(), Verdict::new(Status::Failed));
    verdict.hosts.insert("web4".to_owned(), Verdict::new(Status::Complete));
    assert_eq!(verdict.last_line(), b"-- incomplete: io_error: bad  disk (hosts: web2,web3)\n");
    let partial = Verdict { hosts: verdict.hosts, ..Verdict::new(Status::Partial) };
    assert_eq!(partial.last_line(), b"-- incomplete: partial (hosts: web2,web3)\n");
}

#[test]
fn only_announced_fields_are_sent() {
    let mut verdict = Verdict::failed("x".into(), "line\nfeed \u{1b}".to_owned());
    verdict.hosts.insert("b".to_owned(), Verdict::new(Status::Failed));
    verdict.hosts_visible = Some(HostsVisible::Part);
    let announced = headers::TRAILER_NAMES.to_str().unwrap().to_ascii_lowercase();
    for name in verdict.to_trailers().keys() {
        assert!(announced.split(", ").any(|n| n == name.as_str()), "{name}");
    }
}
