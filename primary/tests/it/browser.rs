//! Browsers show nothing at all of an answer that is cut: for them an incomplete one ends
//! properly, and its last line says so.

use crate::liar::{COMPLETE, Liar, TEXT, chunk, end, head};
use crate::{Curled, Primary, configured, primary};

/// What a browser sends.
const BROWSER: &[&str] =
    &["-H", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"];

async fn browse(primary: &Primary, target: &str) -> Curled {
    let got = primary.curl(target, BROWSER).await;
    assert!(got.log.contains("content-type: text/plain; charset=utf-8"), "{got:?}");
    got
}

#[tokio::test]
async fn one_host_that_fails_is_named_in_the_last_line() {
    let failed = COMPLETE.replace("complete", "failed");
    for (script, code) in [
        (vec![head(TEXT), chunk("b\nhal")], "upstream_unreachable"),
        (vec![head(TEXT), chunk("b\n"), end("")], "upstream_unreachable"),
        (
            vec![head(TEXT), chunk("b\n"), end(&format!("{failed}Log-Error: io_error: bad disk\r\n"))],
            "io_error",
        ),
    ] {
        let liar = Liar::new(script).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        let target = "/logs?hostname=web1&filename=app.log";
        let got = browse(&primary, target).await;
        assert_eq!(got.exit, 0, "{got:?}");
        let lines: Vec<&str> = got.out.lines().collect();
        assert!(lines.len() == 2 && lines[0] == "b", "{got:?}");
        assert!(lines[1].starts_with(&format!("-- incomplete: {code}: ")), "{got:?}");
        assert!(lines[1].ends_with("(hosts: web1)"), "{got:?}");
        // Nobody else gets such a line.
        assert!(!primary.curl(target, &[]).await.out.contains("--"));
    }
}

#[tokio::test]
async fn a_whole_answer_has_no_such_line() {
    let liar = Liar::new(vec![head(TEXT), chunk("b\na\n"), end(COMPLETE)]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = browse(&primary, "/logs?hostname=web1&filename=app.log").await;
    assert_eq!((got.exit, got.out.as_str()), (0, "b\na\n"), "{got:?}");
}

#[tokio::test]
async fn a_list_of_files_that_is_incomplete_says_so_too() {
    let cut = Liar::new(vec![head(TEXT), chunk("1\t2\ta.log\n")]).await;
    let well = Liar::new(vec![head(TEXT), chunk("1\t2\tb.log\n"), end("")]).await;
    let primary = primary(configured(&[("web1", cut.url()), ("web2", well.url())])).await;
    for (target, files) in
        [("/files?hostname=web1", "1\t2\ta.log\n"), ("/files", "web1\t1\t2\ta.log\nweb2\t1\t2\tb.log\n")]
    {
        let got = browse(&primary, target).await;
        assert_eq!(got.exit, 0, "{got:?}");
        let last = got.out.strip_prefix(files).unwrap_or_else(|| panic!("{got:?}"));
        assert!(last.starts_with("-- incomplete: upstream_unreachable: "), "{last}");
        assert!(last.ends_with("(hosts: web1)\n") && last.lines().count() == 1, "{last}");
    }
    let got = browse(&primary, "/files?hostname=web2").await;
    assert_eq!((got.exit, got.out.as_str()), (0, "1\t2\tb.log\n"));
}
