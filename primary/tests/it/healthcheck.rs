//! `backscroll-primary healthcheck`, as a container engine calls it.

use crate::{configured, primary};
use std::process::Output;

async fn healthcheck(args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        tokio::process::Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
            .arg("healthcheck")
            .args(args)
            .env_clear()
            // Which the server itself would refuse.
            .env("BACKSCROLL_REQUEST_TIMEOUT", "never")
            .output()
            .await
            .unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[tokio::test]
async fn a_health_check_says_whether_the_primary_can_serve() {
    let ready = primary(configured(&[("web1", "http://10.0.0.1:1".to_owned())])).await;
    assert_eq!(healthcheck(&["--listen", &ready.address.to_string()]).await, (Some(0), String::new()));
    let empty = primary(configured(&[])).await;
    let (status, told) = healthcheck(&["--listen", &empty.address.to_string()]).await;
    assert_eq!((status, told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.starts_with("backscroll-primary: not ready: the fleet is empty"), "{told}");
    assert_eq!(healthcheck(&["--nope"]).await.0, Some(64));
    let (_, help) = healthcheck(&["--help"]).await;
    assert!(help.contains("[default: 127.0.0.1:8000]"), "{help}");
}
