//! What a log may hold to harm who reads it (S2): text stays raw and is not sniffed, JSON escapes, and
//! problems escape what they quote.

use super::Servers;
use super::client::{Answer, get};

/// Escape sequences of terminals.
fn escapes() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        "\u{1b}[31mred\u{1b}[0m",
        "\u{1b}[2J\u{1b}[H",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]2;title\u{1b}\\",
        "\u{1b}]8;;http://other/\u{1b}\\link\u{1b}]8;;\u{1b}\\",
        "\u{1b}]52;c;cm0gLXJmIC8=\u{7}",
        "\u{1b}[6n",
        "\u{1b}[c",
        "\u{1b}P$q\"p\u{1b}\\",
        "\u{1b}_x\u{1b}\\",
        "\u{1b}^x\u{1b}\\",
        "\u{1b}c",
        "\u{1b}7\u{1b}8",
        "\u{1b}#8",
        "\u{1b}(0",
        "\u{9b}31m",
        "\u{9d}0;title\u{9c}",
        "\u{1b}[1A\u{1b}[2Koverwritten",
        "a\rb",
        "a\u{8}\u{8}b",
        "\u{7}",
        "\u{c}",
        "\u{b}",
        "\u{e}\u{f}",
        "\u{1b}[?1049h",
        "\u{1b}[?25l",
        "\u{1b}[20;20H",
        "\u{1b}]1337;File=name=eA==:AAAA\u{7}",
        "\u{1b}]50;#1\u{7}",
        "\u{1b}[21t",
        "\u{1b}]4;1;?\u{7}",
        "\u{202e}gnp.exe",
        "\u{2066}x\u{2069}",
        "\u{feff}x",
        "\u{200b}x",
        "\u{2028}x",
        "\u{2029}x",
        "\u{85}x",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    // Each control sequence with one letter, and each two-byte one.
    all.extend((0x40..0x7f_u8).map(|last| [b"\x1b[1;2", &[last][..], b"x"].concat()));
    all.extend((0x30..0x7f_u8).map(|last| [b"\x1b", &[last][..], b"x"].concat()));
    all
}

/// What a page, a script, a spreadsheet or a shell may take for its own.
fn pages() -> Vec<Vec<u8>> {
    let mut all: Vec<String> = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "</pre><script>1</script>",
        "<iframe src=javascript:alert(1)>",
        "<!DOCTYPE html><html><body>x",
        "<?xml version=\"1.0\"?><x/>",
        "<!--#exec cmd=\"id\"-->",
        "javascript:alert(1)",
        "data:text/html,<script>1</script>",
        "\"><script>1</script>",
        "'-alert(1)-'",
        "&lt;b&gt;",
        "&#60;b&#62;",
        "\\u003cb\\u003e",
        "{\"end\":{\"status\":\"complete\"}}",
        "\",\"line\":\"x",
        "\\",
        "\\\"",
        "\\\\\"}",
        "-- incomplete: io_error",
        "log-status: complete",
        "HTTP/1.1 200 OK\r",
        "0\r",
        "=1+1",
        "@SUM(1)",
        "+1",
        "-1",
        "$(id)",
        "`id`",
        "; id",
        "| id",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "<% 1 %>",
        "%PDF-1.4",
        "GIF89a<script>1</script>",
        "PK\u{3}\u{4}",
        "%!PS",
        "#!/bin/sh",
        "<html manifest=x>",
        "<base href=//other/>",
        "<meta http-equiv=refresh content=0>",
        "<link rel=import href=x>",
        "]]>",
        "<![CDATA[x]]>",
        "<style>@import '//other'</style>",
        "<math><mtext></form><form>",
        "+ADw-script+AD4-",
        "web2\tother host",
        "\t",
        " leading",
        "trailing ",
        "a\tb",
    ]
    .iter()
    .map(|text| (*text).to_owned())
    .collect();
    all.extend(
        ["a", "b", "details", "form", "input", "object", "embed", "video", "audio", "marquee"]
            .iter()
            .flat_map(|tag| {
                [
                    format!("<{tag} onfocus=alert(1) autofocus>"),
                    format!("<{tag}\u{c}onclick=alert(1)>x</{tag}>"),
                ]
            }),
    );
    all.into_iter().map(String::into_bytes).collect()
}

fn assert_hardened(answer: &Answer, content_type: &str) {
    assert_eq!(answer.field("content-type"), Some(content_type));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

/// Every byte percent-encoded.
fn encoded(bytes: &[u8]) -> String {
    let each: Vec<String> = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    each.concat()
}

/// Newest first, as they are asked for.
fn joined<'l>(lines: impl DoubleEndedIterator<Item = &'l Vec<u8>>) -> Vec<u8> {
    lines.rev().flat_map(|line| [&line[..], b"\n"].concat()).collect()
}

#[test]
fn lines_come_raw_as_text_and_escaped_as_json() {
    let mut lines: Vec<Vec<u8>> =
        (0..=255).filter(|byte| *byte != b'\n').map(|byte| vec![b'<', byte, b'>']).collect();
    lines.extend(escapes());
    lines.extend(pages());
    assert!(lines.len() >= 256 + 245 - 1, "{}", lines.len());
    let servers = Servers::start();
    servers.write("odd.log", &lines.iter().flat_map(|line| [&line[..], b"\n"].concat()).collect::<Vec<u8>>());
    let whole = joined(lines.iter());
    for (address, prefix) in servers.both() {
        let target = format!("/logs?{prefix}filename=odd.log");
        for accept in ["", "Accept: */*\r\n", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"] {
            let text = get(address, &target, accept);
            assert_hardened(&text, "text/plain; charset=utf-8");
            assert!(text.body == whole, "text is byte for byte what the file holds");
        }
        let json = get(address, &target, "Accept: application/x-ndjson\r\n");
        assert_hardened(&json, "application/x-ndjson");
        assert!(!json.body.iter().any(|byte| *byte < b' ' && *byte != b'\n'));
        let objects: Vec<serde_json::Value> = json
            .body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(objects.len(), lines.len() + 1);
        for (line, object) in lines.iter().rev().zip(&objects) {
            match std::str::from_utf8(line) {
                Ok(text) => assert_eq!(object["line"], text),
                Err(_) => assert!(object["line"].is_null() && object["line_base64"].is_string(), "{object}"),
            }
        }
        assert_eq!(objects[lines.len()]["end"]["status"], "complete");
        // Each found by itself.
        for line in &lines {
            let keyword = encoded(line);
            let found = get(address, &format!("{target}&keyword={keyword}&n=1"), "");
            let text = found.body.strip_suffix(b"\n").unwrap();
            assert!(super::client::find(text, line).is_some(), "{}", line.escape_ascii());
        }
    }
}

#[test]
fn what_a_problem_quotes_is_escaped() {
    let servers = Servers::start();
    for (address, prefix) in servers.both() {
        for payload in escapes().into_iter().chain(pages()) {
            let escaped = encoded(&payload);
            for target in [
                format!("/logs?{prefix}filename={escaped}"),
                format!("/logs?{prefix}filename=app.log&n={escaped}"),
                format!("/logs?{prefix}filename=app.log&{escaped}=1"),
                format!("/{escaped}"),
            ] {
                let answer = get(address, &target, "Accept: text/html\r\n");
                assert!(matches!(answer.status, 400 | 404), "{target}: {answer:?}");
                assert_hardened(&answer, "application/problem+json");
                let body = answer.body.strip_suffix(b"\n").unwrap();
                assert!(!body.iter().any(|byte| *byte < b' ' || *byte == 0x7f), "{}", body.escape_ascii());
                let problem: serde_json::Value = serde_json::from_slice(body).unwrap();
                assert!(!problem["detail"].as_str().unwrap().contains(char::is_control), "{problem}");
            }
        }
    }
}

#[test]
fn no_name_of_a_file_harms_a_listing() {
    let servers = Servers::start();
    let mut names = Vec::new();
    for payload in escapes().into_iter().chain(pages()) {
        let Ok(name) = String::from_utf8(payload) else { continue };
        if !name.contains('/') && name.len() < 200 && !name.starts_with('.') {
            servers.write(&name, b"x\n");
            names.push(name);
        }
    }
    for (address, prefix) in servers.both() {
        let target = format!("/files?{prefix}");
        let text = get(address, target.trim_end_matches(['&', '?']), "");
        assert_hardened(&text, "text/plain; charset=utf-8");
        assert!(!text.body.iter().any(|byte| *byte < b' ' && !b"\n\t".contains(byte) || *byte == 0x7f));
        assert!(text.text().lines().all(|line| line.matches('\t').count() == 2), "{}", text.text());
        let json = get(address, target.trim_end_matches(['&', '?']), "Accept: application/json\r\n");
        assert_hardened(&json, "application/json");
        assert!(!json.body.iter().any(|byte| *byte < b' ' && *byte != b'\n' || *byte == 0x7f));
        let files: Vec<serde_json::Value> = serde_json::from_slice(&json.body).unwrap();
        let listed: Vec<&str> = files.iter().filter_map(|file| file["name"].as_str()).collect();
        // Names with a control byte can be neither asked for nor shown.
        for name in names.iter().filter(|name| !name.bytes().any(|byte| byte.is_ascii_control())) {
            assert!(listed.contains(&name.as_str()), "{name:?}");
        }
    }
}
