//! A browser gets a merged answer to its end, and is told that it is incomplete.

use super::client::get;
use super::simulated::{Fault, Simulated};
use super::{asked, entries};

#[tokio::test]
async fn hosts_that_fail_are_named_in_the_last_line() {
    for fault in
        [Fault::FailsAfter(9), Fault::CutAfter(9), Fault::CutInside(9), Fault::HungAfter(9), Fault::Down]
    {
        let fleet =
            [Simulated::new("h0", entries(0, 30), fault), Simulated::new("h1", entries(1, 30), Fault::None)];
        let primary = asked(&fleet).await;
        for fields in ["", "TE: trailers\r\n"] {
            for on_error in ["report", "ignore"] {
                let target = format!("/logs?filename=app.log&on_error={on_error}");
                let accept = format!("Accept: text/html,*/*;q=0.8\r\n{fields}");
                let answer = get(primary.address, &target, &accept).await;
                assert!(answer.status == 200 && answer.is_whole, "{fault:?} {answer:?}");
                let text = answer.text();
                let last = text.lines().last().unwrap();
                assert!(
                    last.starts_with("-- incomplete: ") && last.ends_with("(hosts: h0)"),
                    "{fault:?} {last}"
                );
                let told = text.lines().filter(|line| line.starts_with("h1\t")).count();
                assert_eq!(told, 30, "{fault:?}");
            }
        }
        let cut = get(primary.address, "/logs?filename=app.log", "").await;
        assert!(!cut.is_whole && !cut.text().contains("-- incomplete"), "{cut:?}");
    }
}
