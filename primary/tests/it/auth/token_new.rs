//! `backscroll-primary token new`, as a process of its own.

use backscroll_shared::auth::reader;
use std::process::{Command, Output};

fn token(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backscroll-primary")).arg("token").args(args).output().unwrap()
}

#[test]
fn a_token_is_printed_once_with_the_entry_that_the_file_takes() {
    let made = token(&["new", "--id", "ci", "--hosts", "web*", "--hosts", "db1", "--files", "nginx/**"]);
    assert!(made.status.success(), "{made:?}");
    let text = String::from_utf8(made.stdout).unwrap();
    let (token, entry) = text.split_once('\n').unwrap();
    assert!(token.starts_with("bks_") && !entry.contains(token), "{text}");
    let tokens = reader()(&[entry.as_bytes().to_vec()]).unwrap();
    let found = tokens.find(token.as_bytes()).unwrap();
    assert_eq!(found.id, "ci");
    assert!(
        found.grant.hosts.sees("web1") && found.grant.hosts.sees("db1") && !found.grant.hosts.sees("db2")
    );
    assert!(found.grant.files.sees(b"nginx/a") && !found.grant.files.sees(b"app.log"));
}

#[test]
fn what_is_no_entry_is_refused_in_one_line() {
    for (args, expected) in [
        (&["new"][..], "--id"),
        (&[], ""),
        (&["new", "--id", "a b"], "the id"),
        (&["new", "--id", "x", "--expires", "soon"], "write a date"),
        (&["new", "--id", "x", "--files", ""], "pattern"),
    ] {
        let refused = token(args);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(64), "{args:?} {said}");
        assert!(said.contains(expected) && said.lines().count() == 1 && refused.stdout.is_empty(), "{said}");
    }
}
