use super::*;
use serde_json::json;

fn ready() -> Readiness {
    Readiness {
        version: Some("1".to_owned()),
        io_engine: Some("x".repeat(SAID_BYTES + 1)),
        ..Readiness::default()
    }
}

fn here() -> Instance {
    Instance::new(7)
}

#[test]
fn three_failures_in_a_row_are_down_until_a_probe_succeeds() {
    let health = Health::new("http://h");
    let mut now = Instant::now();
    let mut fail = || {
        now += BURST;
        health.failed_at(now);
    };
    fail();
    fail();
    assert!(!health.is_down() && health.down_for().is_none());
    health.answered(here());
    fail();
    fail();
    assert!(!health.is_down(), "an answer came in between");
    fail();
    assert!(health.is_down() && health.down_for().is_some());
    health.answered(here());
    assert!(health.is_down(), "only a probe has the last word");
    health.probed(State::NotReady, here(), &ready());
    assert!(!health.is_down() && health.down_for().is_none());
    assert_eq!(health.seen().state, State::NotReady);
    fail();
    fail();
    assert!(!health.is_down(), "it counts anew");
}

#[test]
fn what_many_requests_see_at_once_is_one_failure() {
    let health = Health::new("http://h");
    (0..10 * FAILURES).for_each(|_| health.failed());
    assert!(!health.is_down());
}

#[test]
fn what_it_said_last_is_kept_within_bounds() {
    let health = Health::new("http://h");
    assert_eq!((health.seen().state, health.last_contact()), (State::Unknown, None));
    let before = Timestamp::now().as_millisecond();
    health.probed(State::Ready, here(), &ready());
    health.failed();
    let seen = health.seen();
    assert_eq!((seen.state, seen.version.as_deref(), seen.io_engine), (State::Unreachable, Some("1"), None));
    assert!(health.last_contact().unwrap().as_millisecond() >= before);
}

#[tokio::test]
async fn a_host_that_is_down_by_requests_is_probed_before_its_time() {
    let health = Health::new("http://h");
    for failure in 0..FAILURES {
        health.failed_at(Instant::now() + BURST * failure);
    }
    tokio::time::timeout(Duration::from_secs(5), health.suspected.notified()).await.unwrap();
}

#[test]
fn why_it_is_not_ready_and_what_it_warns_of_is_kept_cleaned_and_bounded() {
    let health = Health::new("http://h");
    let readiness = Readiness {
        reason: json!("the log\tdirectory\u{1b}[2J is empty"),
        warnings: json!(["a\nb", 7, "", " ", null, "x".repeat(9999), "c"]),
        ..Readiness::default()
    };
    health.probed(State::NotReady, here(), &readiness);
    let seen = health.seen();
    assert_eq!(seen.reason.as_deref(), Some("the log directory [2J is empty"));
    assert_eq!(seen.warnings, ["a b", &"x".repeat(TEXT_BYTES), "c"]);
    let many = Readiness { warnings: json!(vec!["w"; 99]), ..Readiness::default() };
    health.probed(State::Ready, here(), &many);
    assert_eq!((health.seen().reason, health.seen().warnings.len()), (None, WARNINGS));
    for odd in [json!({ "a": "b" }), json!("a"), json!(7)] {
        let readiness = Readiness { reason: odd.clone(), warnings: odd, ..Readiness::default() };
        health.probed(State::Ready, here(), &readiness);
        assert_eq!((health.seen().reason, health.seen().warnings.len()), (None, 0));
    }
    health.is_foreign(Instant::now());
    assert!(health.seen().reason.unwrap().contains("no secondary"));
    health.failed();
    assert_eq!(health.seen().reason, None);
}

#[test]
fn of_a_host_that_is_down_nobody_knows_which_secondary_it_is() {
    let health = Health::new("http://h");
    assert_eq!(health.instance(), None);
    health.answered(here());
    assert_eq!(health.instance(), Some(here()));
    for failure in 0..FAILURES {
        health.failed_at(Instant::now() + BURST * failure);
    }
    assert_eq!(health.instance(), None);
    health.probed(State::Ready, Instance::new(8), &ready());
    assert_eq!(health.instance(), Some(Instance::new(8)));
}
