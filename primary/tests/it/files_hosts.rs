use crate::liar::{Liar, NDJSON, Step, TEXT, chunk, end, foreign, head, whole};
use crate::{configured, primary, without_latency};

#[tokio::test]
async fn the_files_of_a_host_are_passed_through() {
    let liar = Liar::new(vec![head(TEXT), chunk("1\t2\ta"), chunk(".log\n"), end("")]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl("/files?hostname=web1&glob=*%26n=%FF.log", &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "1\t2\ta.log\n"), "{got:?}");
    let asked = liar.heads.lock().unwrap()[0].clone();
    assert!(asked.starts_with("GET /files?glob=%2A%26n%3D%FF%2Elog HTTP/1.1\r\n"), "{asked}");
    let got = primary.curl("/files?hostname=web1", &["-H", "Accept: application/json"]).await;
    assert!(got.log.contains("< http/1.1 502 "), "text was answered for JSON: {got:?}");
    assert!(liar.heads.lock().unwrap()[1].contains("accept: application/json\r\n"));
    for target in ["/files?hostname=web1&x=1", "/files?hostname=web1&glob=a&glob=b"] {
        assert!(primary.curl(target, &[]).await.log.contains("< http/1.1 400 "));
    }
    // One host by its whole name, said twice.
    let got = primary.curl("/files?hostname=web1&hostname=web1", &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (0, "1\t2\ta.log\n"), "{got:?}");
    for target in ["/files", "/files?hostname=web*", "/files?hostname=web1&hostname=web?"] {
        let got = primary.curl(target, &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (0, "web1\t1\t2\ta.log\n"), "{target}: {got:?}");
    }
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_cut() {
    let liar = Liar::new(vec![head(TEXT), chunk("1\t2\ta.log\n")]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl("/files?hostname=web1", &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (18, "1\t2\ta.log\n"), "{got:?}");
}

#[tokio::test]
async fn a_line_that_is_no_file_of_the_host_ends_its_listing() {
    for odd in [
        "a.log",
        "1\ta.log",
        "1\t2\ta.log\t",
        "1\t2\ta.log\tb",
        "web2\t1\t2\tb.log",
        "1\t2\ta\u{1b}[2J",
        "1\t2\ta\rweb2",
        "1\t2\ta\u{7f}",
        "1\t2\t",
        "\t2\ta.log",
        "",
    ] {
        let script = vec![head(TEXT), chunk(&format!("1\t2\ta.log\n{odd}\n1\t2\tz.log\n")), end("")];
        let well = Liar::new(vec![head(TEXT), chunk("1\t2\t\u{fc}.log\n"), end("")]).await;
        let liar = Liar::new(script).await;
        let primary = primary(configured(&[("web1", liar.url()), ("web2", well.url())])).await;
        let got = primary.curl("/files", &[]).await;
        let expected = "web1\t1\t2\ta.log\nweb2\t1\t2\t\u{fc}.log\n";
        assert_eq!((got.exit, got.out.as_str()), (18, expected), "{odd:?} {got:?}");
        let got = primary.curl("/files?hostname=web1", &[]).await;
        assert_eq!((got.exit, got.out.as_str()), (18, "1\t2\ta.log\n"), "{odd:?} {got:?}");
    }
}

#[tokio::test]
async fn a_host_that_finds_no_files_to_list_has_failed() {
    let body = "{\"status\":404,\"code\":\"not_found\",\"detail\":\"\"}";
    let script = whole("404 Not Found", "Content-Type: application/problem+json\r\n", body);
    let (liar, other) = (Liar::new(script.clone()).await, Liar::new(script).await);
    let well = Liar::new(vec![head(TEXT), chunk("1\t2\ta.log\n"), end("")]).await;
    let primary =
        primary(configured(&[("web1", liar.url()), ("web2", well.url()), ("web3", other.url())])).await;
    let got = primary.curl("/files", &[]).await;
    assert_eq!((got.exit, got.out.as_str()), (18, "web2\t1\t2\ta.log\n"), "{got:?}");
    assert!(got.log.contains("< log-hosts-failed: web1,web3"), "{got:?}");
    let got = primary.curl("/files?hostname=web1&hostname=web3", &[]).await;
    assert!(got.log.contains("< http/1.1 502 ") && got.log.contains("failed: web1,web3"), "{got:?}");
}

/// With `TIME` for the times since which hosts fail, and without how fast they have answered.
pub(crate) fn without_times(list: &str) -> String {
    let mut out = String::new();
    for (index, part) in list.split("(since ").enumerate() {
        let end = if index == 0 { 0 } else { part.find(')').unwrap() };
        assert!(index == 0 || part[..end].parse::<jiff::Timestamp>().is_ok(), "{part}");
        out.push_str(if index == 0 { "" } else { "(since TIME" });
        out.push_str(&part[end..]);
    }
    without_latency(&out)
}

#[tokio::test]
async fn hosts_shows_how_each_host_is() {
    let ready = "{\"ready\":true,\"hostname\":\"h\",\"version\":\"9\",\"io_engine\":\"uring\"}";
    let json = "Content-Type: application/json\r\n";
    let up = Liar::new(whole("200 OK", json, ready)).await;
    let busy = Liar::new(whole("503 Service Unavailable", json, ready)).await;
    let silent = Liar::new(vec![Step::Hang]).await;
    let other = Liar::new(foreign("200 OK", &format!("Content-Type: {NDJSON}\r\n"), ready)).await;
    let hosts =
        [("d", up.url()), ("c", busy.url()), ("b", silent.url()), ("a", other.url()), ("e", up.url())];
    let primary = primary(configured(&hosts)).await;
    let got = primary.curl("/hosts", &[]).await;
    let expected = format!(
        "a\t{}\tunreachable\twhat answers at its URL is no secondary (status 200) (since TIME)\nb\t{}\tunreachable\tit accepts connections and does not answer (since TIME)\nc\t{}\tnot_ready\nd\t{}\tready\talso called e\n",
        other.url(),
        silent.url(),
        busy.url(),
        up.url(),
    );
    assert_eq!(without_times(&got.out), expected);
    let got = primary.curl("/hosts", &["-H", "Accept: application/json"]).await;
    let rows: serde_json::Value = serde_json::from_str(&got.out).unwrap();
    assert_eq!(rows[3]["state"], "ready");
    assert_eq!(rows[3]["version"], "9");
    assert_eq!(rows[3]["io_engine"], "uring");
    let latency = |row: usize| (rows[row]["probe_ms"].as_f64(), rows[row]["request_ms"].as_f64());
    assert!(matches!(latency(3), (Some(probe), None) if probe > 0.0) && latency(1) == (None, None), "{rows}");
    let _ = primary.curl("/logs?hostname=d&filename=a.log", &[]).await;
    let got = primary.curl("/hosts", &["-H", "Accept: application/json"]).await;
    let rows: serde_json::Value = serde_json::from_str(&got.out).unwrap();
    assert!(rows[3]["request_ms"].as_f64().unwrap() > 0.0, "{rows}");
    assert!(primary.curl("/hosts?x", &[]).await.log.contains("< http/1.1 400 "));
}

#[tokio::test]
async fn an_empty_fleet_lives_but_is_not_ready() {
    let primary = primary(configured(&[])).await;
    assert_eq!(primary.curl("/healthz", &[]).await.out, "ok\n");
    let got = primary.curl("/readyz", &[]).await;
    assert!(got.log.contains("< http/1.1 503 ") && got.out.contains("the fleet is empty"), "{got:?}");
    let state: serde_json::Value = serde_json::from_str(&got.out).unwrap();
    assert_eq!(state["ready"], false);
    assert!(state["hostname"].as_str().is_some_and(|name| !name.is_empty()));
}

#[tokio::test]
async fn the_front_page_names_a_host_of_the_fleet() {
    let primary = primary(configured(&[("web2", "http://10.0.0.2:1".to_owned())])).await;
    let got = primary.curl("/", &[]).await;
    let line = format!("curl 'http://{}/files?hostname=web2'", primary.address);
    assert!(got.out.contains(&line), "{got:?}");
    assert!(primary.curl("/readyz", &[]).await.log.contains("< http/1.1 200 "));
}
