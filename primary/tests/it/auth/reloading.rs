//! The token file changes while it is in use.

use super::{Ring, Shelf};
use crate::fanout::client::get;
use crate::{PATIENCE, configured, primary};
use backscroll_primary::{Args, Config};
use clap::Parser as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

fn config(path: &Path, url: &str) -> Config {
    let args = ["backscroll-primary", "--secondary", &format!("h={url}"), "--token-file"];
    let args = args.iter().map(ToString::to_string).chain([path.display().to_string()]);
    let config = Config::try_from(Args::try_parse_from(args).unwrap()).unwrap();
    Config { times: configured(&[]).times, ..config }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_is_replaced_under_load_and_a_bad_one_changes_nothing() {
    let shelf = Shelf::new(&["app.log"]).await;
    let ring = Ring::default().with("stays", &["*"], &["**"], "").with("goes", &["*"], &["**"], "");
    let only = ring.file.split("[[token]]").nth(1).map(|entry| format!("[[token]]{entry}")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.toml");
    std::fs::write(&path, &ring.file).unwrap();
    let primary = primary(config(&path, &shelf.url())).await;
    let (address, stays, goes) = (primary.address, ring.field("stays"), ring.field("goes"));
    let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let load = {
        let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
        tokio::spawn(async move {
            while !stop.load(SeqCst) {
                let answer = get(address, "/logs?filename=app.log", &stays).await;
                assert_eq!((answer.status, answer.is_whole), (200, true));
                asked.fetch_add(1, SeqCst);
            }
        })
    };
    let until = async |status: u16| {
        let since = Instant::now();
        while get(address, "/files", &goes).await.status != status {
            assert!(since.elapsed() < PATIENCE, "{status} does not come");
        }
    };
    until(200).await;
    // By another file in its place, and by writing into it.
    std::fs::write(dir.path().join("new"), &only).unwrap();
    std::fs::rename(dir.path().join("new"), &path).unwrap();
    until(401).await;
    std::fs::write(&path, &ring.file).unwrap();
    until(200).await;
    // Bad ones: the old tokens stay, those that are gone from it too.
    std::fs::write(&path, format!("{only}\n[[token]]\nid = 7\n")).unwrap();
    let before = asked.load(SeqCst);
    let since = Instant::now();
    while since.elapsed() < std::time::Duration::from_millis(2500) {
        assert_eq!(get(address, "/files", &goes).await.status, 200);
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(get(address, "/files", &goes).await.status, 200);
    std::fs::write(&path, &only).unwrap();
    until(401).await;
    stop.store(true, SeqCst);
    load.await.unwrap();
    assert!(asked.load(SeqCst) > before, "it was asked all the time");
}

#[test]
fn a_bad_file_at_the_start_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.toml");
    for (text, expected) in [("[[token]]\nid = \"x\"\n", "line 1: missing field"), ("[[token\n", "line 1")] {
        std::fs::write(&path, text).unwrap();
        let args = ["backscroll-primary", "--token-file", path.to_str().unwrap()];
        let why = Config::try_from(Args::try_parse_from(args).unwrap()).unwrap_err().to_string();
        assert!(why.starts_with("--token-file ") && why.contains(expected) && !why.contains('\n'), "{why}");
    }
    let args = ["backscroll-primary", "--audit-file", dir.path().to_str().unwrap()];
    let why = Config::try_from(Args::try_parse_from(args).unwrap()).unwrap_err().to_string();
    assert!(why.starts_with("--audit-file "), "{why}");
}
