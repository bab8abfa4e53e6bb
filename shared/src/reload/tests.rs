#![expect(clippy::disallowed_methods, reason = "a test's own thread may block")]

use super::*;
use std::fs;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

fn number(bytes: &[Vec<u8>]) -> Result<u64, String> {
    let text = String::from_utf8_lossy(&bytes.concat()).trim().to_owned();
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// Waits until the value is this one.
fn until(reloaded: &Reloaded<u64>, wanted: u64) {
    let since = Instant::now();
    while *reloaded.now() != wanted {
        assert!(since.elapsed() < PATIENCE, "still {}", reloaded.now());
        reloaded.look();
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_file_that_changes_is_read_again_and_a_bad_one_leaves_the_old_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n");
    fs::write(&path, "1").unwrap();
    let (tell, said) = std::sync::mpsc::channel();
    let reloaded = Reloaded::open(Files::one("--n", &path), move |bytes| {
        let number = number(bytes);
        tell.send(number.clone()).unwrap();
        number
    })
    .unwrap();
    assert_eq!(*reloaded.now(), 1);
    fs::write(&path, "2").unwrap();
    until(&reloaded, 2);
    // Bad in three ways, one after the other. Nothing is parsed of a file that cannot be read.
    fs::write(&path, "two").unwrap();
    let said: Vec<Result<u64, String>> = said.iter().take(3).collect();
    assert_eq!(said, [Ok(1), Ok(2), Err("\"two\" is no number".to_owned())]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    std::thread::sleep(SETTLE_TIME);
    assert_eq!(*reloaded.now(), 2);
    fs::remove_dir(&path).unwrap();
    // Another file in its place, as editors, `mv` and Kubernetes do it.
    fs::write(dir.path().join("new"), "3").unwrap();
    fs::rename(dir.path().join("new"), &path).unwrap();
    until(&reloaded, 3);
}

#[tokio::test]
async fn who_waits_for_a_change_wakes_at_each_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n");
    fs::write(&path, "1").unwrap();
    let mut reloaded = Reloaded::open(Files::one("--n", &path), number).unwrap();
    for wanted in [2, 3] {
        fs::write(&path, wanted.to_string()).unwrap();
        tokio::time::timeout(PATIENCE, reloaded.changed()).await.unwrap();
        assert_eq!(*reloaded.now(), wanted);
    }
    let mut fixed = Reloaded::fixed(1);
    assert!(futures_util::FutureExt::now_or_never(fixed.changed()).is_none());
}

#[test]
fn two_files_are_read_together() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&a, "1").unwrap();
    fs::write(&b, "2").unwrap();
    let reloaded = Reloaded::open(Files::one("--a", &a).and("--b", &b), number).unwrap();
    assert_eq!(*reloaded.now(), 12);
    fs::write(&b, "3").unwrap();
    until(&reloaded, 13);
}

#[test]
fn what_is_no_file_to_read_is_refused_with_the_flag_and_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n");
    let refused = |path: &Path| {
        Reloaded::open(Files::one("--n", path), number)
            .unwrap_err()
            .to_string()
            .replace(&dir.path().display().to_string(), "DIR")
    };
    assert!(refused(&path).starts_with("--n DIR/n: No such file"), "{}", refused(&path));
    assert!(refused(dir.path()).starts_with("--n DIR: it is no regular file"), "{}", refused(dir.path()));
    fs::write(&path, "x").unwrap();
    assert_eq!(refused(&path), "--n DIR/n: \"x\" is no number");
    fs::write(&path, vec![b'1'; usize::try_from(FILE_BYTES).unwrap() + 1]).unwrap();
    assert!(refused(&path).contains("more than 1048576 bytes"));
    // A pipe would hold up the program that waits for a writer.
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(refused(&pipe).contains("no regular file"));
}

#[test]
fn a_file_that_changes_at_each_look_is_not_taken_until_it_stays() {
    let looks = Arc::new(std::sync::Mutex::new(0));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n");
    fs::write(&path, "1").unwrap();
    let (tell, value) = watch::channel(Arc::new(1));
    let (look, looked) = sync_channel(1);
    let files = Files::one("--n", &path);
    let parses = Arc::clone(&looks);
    let thread = std::thread::spawn(move || {
        let mut parse = |bytes: &[Vec<u8>]| {
            *parses.lock().unwrap() += 1;
            number(bytes)
        };
        let is_failing = AtomicBool::new(false);
        follow(&files, vec![b"1".to_vec()], &mut parse, (&tell, &is_failing), &looked);
    });
    fs::write(&path, "2").unwrap();
    look.send(()).unwrap();
    let since = Instant::now();
    while **value.borrow() != 2 {
        assert!(since.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(*looks.lock().unwrap(), 1, "it is parsed once, though it was read twice");
    drop(look);
    thread.join().unwrap();
}
