use super::*;
use crate::conn::exchange::{Ending, Noted, Recorders};
use crate::telemetry::request_id::REQUEST_ID;
use crate::telemetry::sampling::Fraction;
use crate::telemetry::trace_context::TRACEPARENT;
use crate::wire::code::Code;
use crate::wire::verdict::{RangeFound, Status, Stopped};
use http::{HeaderValue, Method, Request, StatusCode};
use proptest::prelude::*;
use std::sync::Mutex;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Keeps what has ended.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Arc<Ended>>>);

impl Recorder for Kept {
    fn ended(&self, ended: &Arc<Ended>) {
        self.0.lock().unwrap().push(Arc::clone(ended));
    }
}

/// A request to this endpoint that is over.
fn ended(endpoint: &'static str, note: impl FnOnce(&mut Noted)) -> Arc<Ended> {
    let kept = Arc::new(Kept::default());
    let recorder: Arc<dyn Recorder> = kept.clone();
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    request.headers_mut().insert(TRACEPARENT, HeaderValue::from_str(&parent).unwrap());
    request.headers_mut().insert(REQUEST_ID, HeaderValue::from_static("r-1"));
    let client = Some("[::1]:4711".parse().unwrap());
    let ending = Ending::begin(&Recorders::from_iter([recorder]), &request, endpoint, client);
    ending.exchange().note(note);
    drop(ending);
    let mut all = kept.0.lock().unwrap();
    all.pop().unwrap()
}

fn complete(noted: &mut Noted) {
    noted.status = Some(StatusCode::OK);
    noted.verdict = Some(Status::Complete);
}

fn written(ended: &Ended, format: LogFormat) -> String {
    let mut out = Vec::new();
    line::write(ended, format, &Clock::now(), &mut out);
    String::from_utf8(out).unwrap()
}

/// The line without its time, which has 27 characters and differs.
fn without_time(line: &str, format: LogFormat) -> String {
    let at = if format == LogFormat::Text { 0 } else { "{\"timestamp\":\"".len() };
    let (time, rest) = line[at..].split_at(27);
    assert!(time.parse::<jiff::Timestamp>().is_ok() && time.ends_with('Z'), "{line}");
    format!("{}{rest}", &line[..at])
}

/// What `tracing` makes of an event.
fn of_tracing(format: LogFormat, tell: impl FnOnce()) -> String {
    let buffer = Arc::<Mutex<Vec<u8>>>::default();
    let into = Arc::clone(&buffer);
    let builder = tracing_subscriber::fmt().with_writer(move || Into(Arc::clone(&into))).with_ansi(false);
    match format {
        LogFormat::Text => tracing::subscriber::with_default(builder.finish(), tell),
        LogFormat::Json => tracing::subscriber::with_default(builder.json().finish(), tell),
    }
    let text = buffer.lock().unwrap();
    String::from_utf8(text.clone()).unwrap()
}

struct Into(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Into {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_message_looks_like_all_others_of_the_log() {
    let ended = ended("/logs", |noted| {
        complete(noted);
        noted.code = Some(Code::IoError);
        noted.hosts = vec!["web1".to_owned(), "web2".to_owned()];
        noted.hosts_asked = 2;
        noted.filename = Some(b"a \"b\".log".to_vec());
        noted.real_filename = Some(b"real.log".to_vec());
        (noted.n, noted.filters.keywords) = (Some(20), 2);
        (noted.has_range, noted.has_cursor) = (true, true);
        (noted.stopped, noted.range) = (Some(Stopped::Since), Some(RangeFound::Order));
        (noted.lines, noted.bytes_scanned) = (20, 65536);
        noted.first_record = Some(Duration::from_micros(1_002));
        noted.caller = Some("ci".to_owned());
        noted.via = Some("primary".to_owned());
    });
    let duration_ms = {
        let line = written(&ended, LogFormat::Text);
        let from = line.split("duration_ms=").nth(1).unwrap().to_owned();
        from.split(' ').next().unwrap().to_owned()
    };
    for format in [LogFormat::Text, LogFormat::Json] {
        let expected = of_tracing(format, || {
            tracing::info!(
                target: TARGET,
                method = "GET", endpoint = "/logs", status = 200, code = "io_error", verdict = "complete",
                whole = false, hosts = "web1,web2", hosts_asked = 2, file = "a \"b\".log",
                real_file = "real.log", n = 20,
                keywords = 2, time_range = true, cursor = true, stopped = "since", range = "order", lines = 20, bytes_scanned = 65536, bytes_sent = 0, first_record_ms = 1.002,
                duration_ms = display(&duration_ms), client = "[::1]:4711", caller = "ci", via = "primary",
                request_id = "r-1", trace_id = TRACE,
                "request"
            );
        });
        // These are numbers and words here, and texts in quotation marks there.
        let expected = match format {
            LogFormat::Text => expected
                .replace("\"[::1]:4711\"", "[::1]:4711")
                .replace("\"r-1\"", "r-1")
                .replace(&format!("\"{TRACE}\""), TRACE),
            LogFormat::Json => expected.replace(&format!("\"{duration_ms}\""), &duration_ms),
        };
        let got = written(&ended, format);
        assert_eq!(without_time(&got, format), without_time(&expected, format));
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let line = written(&ended("/hosts", |noted| noted.hostnames = vec!["web*".to_owned()]), LogFormat::Text);
    let rest = without_time(&line, LogFormat::Text);
    let (before, after) = rest.split_once(" duration_ms=").unwrap();
    assert_eq!(
        before,
        "  INFO backscroll::request: request method=\"GET\" endpoint=\"/hosts\" whole=false hosts_named=\"web*\" bytes_sent=0"
    );
    let (_, after) = after.split_once(' ').unwrap();
    assert_eq!(after, format!("client=[::1]:4711 request_id=r-1 trace_id={TRACE}\n"));
}

#[test]
fn which_requests_are_logged_is_chosen_by_their_outcome_and_their_trace() {
    let good = ended("/logs", complete);
    let refused = ended("/logs", |noted| noted.status = Some(StatusCode::NOT_FOUND));
    let failed = [
        ended("/logs", |_| ()),
        ended("/logs", |noted| noted.status = Some(StatusCode::BAD_GATEWAY)),
        ended("/logs", |noted| {
            complete(noted);
            noted.verdict = Some(Status::Partial);
        }),
    ];
    let (none, all) = (Which::Sampled(Fraction::NONE), Which::Sampled(Fraction::ALL));
    for fine in [&good, &refused] {
        let included = [Which::All, Which::Failed, Which::Off, none, all].map(|which| which.includes(fine));
        assert_eq!(included, [true, false, false, false, true]);
    }
    for failed in &failed {
        let included = [Which::All, Which::Failed, Which::Off, none, all].map(|which| which.includes(failed));
        assert_eq!(included, [true, true, false, true, true]);
    }
    assert_eq!("0".parse(), Ok(none));
    assert_eq!(
        ("all".parse(), "off".parse(), "failed".parse()),
        (Ok(Which::All), Ok(Which::Off), Ok(Which::Failed))
    );
    for bad in ["", "none", "1.5", "-1", "NaN"] {
        assert!(bad.parse::<Which>().is_err(), "{bad}");
    }
}

#[test]
fn requests_of_health_and_of_strangers_are_logged_only_where_details_are_wanted() {
    let log = LogQueue::for_test(1 << 20);
    for logs_health in [false, true] {
        let request_log = RequestLog::begin(Which::All, LogFormat::Text, log.clone(), logs_health).unwrap();
        request_log.ended(&ended("/healthz", complete));
        request_log.ended(&ended("/logs", |noted| noted.code = Some(Code::Unauthorized)));
        request_log.ended(&ended("/logs", complete));
        request_log.finish(Instant::now() + Duration::from_secs(30));
        let lines = String::from_utf8(log.taken()).unwrap();
        assert_eq!(lines.contains(" DEBUG backscroll::request: "), logs_health, "{lines}");
        assert_eq!(lines.lines().count(), if logs_health { 3 } else { 1 });
    }
}

#[test]
fn many_messages_are_written_together_and_none_is_cut() {
    let log = LogQueue::for_test(1 << 20);
    let requests: Vec<_> = (0..100).map(|_| ended("/logs", complete)).collect();
    write(&requests, LogFormat::Json, &log);
    let writes = log.takes();
    assert!(
        writes.len() < 20 && writes.iter().all(|lines| lines.len() <= WRITE_BYTES && lines.ends_with(b"\n"))
    );
    assert_eq!(writes.concat().split(|byte| *byte == b'\n').count(), 101);
}

#[test]
fn messages_about_requests_leave_half_of_the_queue_to_others() {
    let mut log = LogQueue::for_test(100);
    log.push(vec![b'r'; 40], 4);
    log.push(vec![b'r'; 40], 4);
    assert_eq!(log.lost_so_far(), 4);
    std::io::Write::write_all(&mut log, &[b'w'; 60]).unwrap();
    assert_eq!((log.taken().len(), log.lost_so_far()), (100, 4));
}

#[test]
fn messages_that_find_no_room_are_counted() {
    let log = LogQueue::for_test(1 << 20);
    let weight = ended("/logs", complete).weight();
    let queue = Queue::new(Bounds { weight, enough: 1, linger: LINGER });
    let request_log = RequestLog { queue, which: Which::All, logs_all: false, log: log.clone() };
    for _ in 0..3 {
        request_log.ended(&ended("/logs", complete));
    }
    assert_eq!(log.lost_so_far(), 2);
}

proptest! {
    #[test]
    fn whatever_a_request_sends_its_message_is_one_line(
        file in proptest::collection::vec(any::<u8>(), 0..200),
        host in "\\PC*|.*",
        caller in proptest::collection::vec(any::<char>(), 0..50),
    ) {
        let caller: String = caller.into_iter().collect();
        let ended = ended("/logs", |noted| {
            noted.filename = Some(file.clone());
            noted.hosts = vec![host.clone()];
            noted.hosts_asked = 1;
            noted.caller = Some(caller.clone());
        });
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = written(&ended, format);
            let (line, rest) = line.split_once('\n').unwrap();
            prop_assert_eq!(rest, "");
            let is_hidden = |c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c);
            prop_assert!(!line.chars().any(is_hidden), "{}", line);
            if format == LogFormat::Json {
                let object: serde_json::Value = serde_json::from_str(line).unwrap();
                prop_assert_eq!(object["fields"]["file"].as_str().unwrap(), String::from_utf8_lossy(&file));
                prop_assert_eq!(object["fields"]["hosts"].as_str().unwrap(), &host);
                prop_assert_eq!(object["fields"]["caller"].as_str().unwrap(), &caller);
            } else {
                // Nothing in a text looks like a field of its own.
                prop_assert_eq!(line.matches(" request_id=r-1 ").count(), 1);
            }
        }
    }
}
