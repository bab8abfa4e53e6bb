use super::*;
use crate::telemetry::sampling::Fraction;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn headers(fields: &[(HeaderName, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn of(traceparent: &[&str]) -> Option<Caller> {
    let fields: Vec<_> = traceparent.iter().map(|value| (TRACEPARENT, value.as_bytes())).collect();
    caller(&headers(&fields))
}

/// W3C Trace Context, 3.2: each rule with a field, and whether the field is valid and sampled.
#[test]
fn a_traceparent_is_taken_only_as_the_rules_of_w3c_say() {
    let (t, s) = (TRACE, SPAN);
    let rows: &[(&str, String, Option<bool>)] = &[
        ("version 0, sampled", format!("00-{t}-{s}-01"), Some(true)),
        ("version 0, not sampled", format!("00-{t}-{s}-00"), Some(false)),
        ("flags that are not known are ignored", format!("00-{t}-{s}-ff"), Some(true)),
        ("and do not count as sampled", format!("00-{t}-{s}-fe"), Some(false)),
        ("version ff", format!("ff-{t}-{s}-01"), None),
        ("version 0 with more", format!("00-{t}-{s}-01-what"), None),
        ("version 0 with a dash", format!("00-{t}-{s}-01-"), None),
        ("a later version", format!("cc-{t}-{s}-01"), Some(true)),
        ("a later version with more", format!("cc-{t}-{s}-01-what-the-future-is-like"), Some(true)),
        ("a later version with more that has no dash", format!("cc-{t}-{s}-01.what"), None),
        ("no version", format!("{t}-{s}-01"), None),
        ("a version of one digit", format!("0-{t}-{s}-01"), None),
        ("a version of other letters", format!(".0-{t}-{s}-01"), None),
        ("an upper-case version", format!("CC-{t}-{s}-01"), None),
        ("a trace of zeros", format!("00-{}-{s}-01", "0".repeat(32)), None),
        ("a span of zeros", format!("00-{t}-{}-01", "0".repeat(16)), None),
        ("an upper-case trace", format!("00-{}-{s}-01", t.to_uppercase()), None),
        ("an upper-case span", format!("00-{t}-{}-01", s.to_uppercase()), None),
        ("a trace of other letters", format!("00-.{}-{s}-01", &t[1..]), None),
        ("a span of other letters", format!("00-{t}-.{}-01", &s[1..]), None),
        ("flags of other letters", format!("00-{t}-{s}-.0"), None),
        ("upper-case flags", format!("00-{t}-{s}-0A"), None),
        ("a short trace", format!("00-{}-{s}-01", &t[1..]), None),
        ("a long trace", format!("00-{t}1-{s}-01"), None),
        ("a short span", format!("00-{t}-{}-01", &s[1..]), None),
        ("a long span", format!("00-{t}-{s}1-01"), None),
        ("short flags", format!("00-{t}-{s}-1"), None),
        ("no flags", format!("00-{t}-{s}"), None),
        ("no dashes", format!("00_{t}_{s}_01"), None),
        ("a space before", format!(" 00-{t}-{s}-01"), None),
        ("nothing", String::new(), None),
    ];
    for (rule, field, expected) in rows {
        let got = of(&[field]);
        assert_eq!(got.map(|caller| caller.is_sampled), *expected, "{rule}: {field}");
        if let Some(caller) = got {
            assert_eq!(format!("{:032x}", caller.trace_id), t);
            assert_eq!(format!("{:016x}", caller.span_id), s);
        }
    }
    let good = format!("00-{t}-{s}-01");
    assert_eq!(of(&[&good, &good]), None, "several fields");
    assert_eq!(of(&[]), None);
    assert_eq!(caller(&headers(&[(TRACEPARENT, b"\xff00-")])), None);
}

#[test]
fn an_invalid_traceparent_begins_a_new_trace_and_drops_the_state() {
    let bad = format!("00-{TRACE}-{SPAN}-0A");
    let context = TraceContext::of(
        &headers(&[(TRACEPARENT, bad.as_bytes()), (TRACESTATE, b"a=1")]),
        Some(&Sampling::default()),
    );
    assert_ne!(format!("{:032x}", context.trace_id), TRACE);
    assert!(context.parent.is_none() && context.state().is_none() && context.is_recorded);
    let mut passed = HeaderMap::new();
    context.pass_on(7, &mut passed);
    assert!(!passed.contains_key(TRACESTATE));
    let written = passed[TRACEPARENT].to_str().unwrap();
    assert_eq!(written, format!("00-{:032x}-0000000000000007-01", context.trace_id));
    assert_eq!(of(&[written]).unwrap().trace_id, context.trace_id);
}

#[test]
fn the_state_is_passed_on_if_all_of_it_is_valid() {
    let many = (0..33).map(|number| format!("k{number}=v")).collect::<Vec<_>>().join(",");
    let (long, most) = (format!("a={}", "x".repeat(257)), format!("a={}", "x".repeat(256)));
    let all = format!("{most},b{most},c{most},d{most}");
    let rows: &[(&[&str], Option<&str>)] = &[
        (&["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"], Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")),
        (&["a=1", "b=2"], Some("a=1,b=2")),
        (&["a=1 ,\tb=2 , ,"], Some("a=1,b=2")),
        (&["fw529a3039@dt=FfqIPkSs,0a=b c"], Some("fw529a3039@dt=FfqIPkSs,0a=b c")),
        (&[&most], Some(&most)),
        (&[&long], None),
        (&[&all], None),
        (&[&many], None),
        (&["a=1,a=2"], None),
        (&["A=1"], None),
        (&["a"], None),
        (&["=1"], None),
        (&["a="], None),
        (&["a=b=c"], None),
        (&["a=\tb"], None),
        (&[""], None),
        (&[], None),
    ];
    let good = format!("00-{TRACE}-{SPAN}-01");
    for (fields, expected) in rows {
        let mut all = vec![(TRACEPARENT, good.as_bytes())];
        all.extend(fields.iter().map(|value| (TRACESTATE, value.as_bytes())));
        let context = TraceContext::of(&headers(&all), None);
        assert_eq!(context.state(), *expected, "{fields:?}");
        assert_eq!(context.parent.map(|id| format!("{id:016x}")).as_deref(), Some(SPAN));
    }
}

#[test]
fn a_program_that_records_nothing_passes_on_its_callers_span() {
    let none = Sampling { by_parent: false, root: Fraction::NONE };
    for (flags, sampling, expected) in [
        ("01", None, format!("00-{TRACE}-{SPAN}-01")),
        ("00", None, format!("00-{TRACE}-{SPAN}-00")),
        // Who changes the flag names a span of its own.
        ("01", Some(&none), format!("00-{TRACE}-0000000000000007-00")),
        ("00", Some(&none), format!("00-{TRACE}-{SPAN}-00")),
        ("01", Some(&Sampling::default()), format!("00-{TRACE}-0000000000000007-01")),
        ("00", Some(&Sampling::default()), format!("00-{TRACE}-{SPAN}-00")),
    ] {
        let given = format!("00-{TRACE}-{SPAN}-{flags}");
        let context = TraceContext::of(&headers(&[(TRACEPARENT, given.as_bytes())]), sampling);
        let mut passed = HeaderMap::new();
        context.pass_on(7, &mut passed);
        assert_eq!(passed[TRACEPARENT].to_str().unwrap(), expected, "{flags} {sampling:?}");
    }
    // Without a caller it makes up a trace, so that the logs of both servers have the same id.
    let context = TraceContext::of(&HeaderMap::new(), None);
    let mut passed = HeaderMap::new();
    context.pass_on(7, &mut passed);
    let expected = format!("00-{:032x}-0000000000000007-00", context.trace_id);
    assert_eq!(passed[TRACEPARENT].to_str().unwrap(), expected);
}
