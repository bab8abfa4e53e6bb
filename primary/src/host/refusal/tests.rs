use super::*;
use crate::text::is_hidden;

fn refusal(method: &Method, status: u16, content_type: &str, body: &str) -> Result<Refusal, BadRefusal> {
    let mut fields = HeaderMap::new();
    fields.insert(header::CONTENT_TYPE, HeaderValue::try_from(content_type).unwrap());
    Refusal::new(method, StatusCode::from_u16(status).unwrap(), &fields, &Bytes::from(body.to_owned()))
}

fn problem(status: u16, code: &str) -> String {
    serde_json::json!({ "status": status, "code": code, "detail": "x" }).to_string()
}

#[test]
fn a_refusal_agrees_with_itself() {
    for (status, code) in [
        (404, "not_found"),
        (400, "bad_parameter"),
        (503, "overloaded"),
        (504, "upstream_timeout"),
        (415, "of_a_newer_one"),
    ] {
        let body = problem(status, code);
        assert!(refusal(&Method::GET, status, PROBLEM, &body).is_ok(), "{body}");
        assert!(refusal(&Method::GET, status, "Application/problem+JSON; charset=utf-8", &body).is_ok());
        assert!(refusal(&Method::HEAD, status, PROBLEM, "").is_ok());
        assert!(refusal(&Method::GET, status, "application/json", &body).is_err());
        assert!(refusal(&Method::HEAD, status, "text/html", "").is_err());
    }
    let double = "{\"status\":404,\"code\":\"forbidden\",\"code\":\"not_found\",\"detail\":\"\"}";
    for (status, body) in [
        (404, String::new()),
        (404, "{}".to_owned()),
        (404, double.to_owned()),
        (404, "{\"status\":404,\"code\":\"not_found\"}".to_owned()),
        (404, problem(404, "not_found") + "x"),
        (404, problem(403, "not_found")),
        (403, problem(403, "not_found")),
        (404, problem(404, "forbidden")),
        (404, problem(404, "unknown_host")),
        (502, problem(502, "upstream_unreachable")),
        (502, problem(502, "of_a_newer_one")),
        (302, problem(302, "moved")),
        (404, problem(404, "No Word")),
    ] {
        assert!(refusal(&Method::GET, status, PROBLEM, &body).is_err(), "{status} {body}");
    }
}

#[tokio::test]
async fn a_refusal_is_passed_on_as_it_is_but_for_what_is_hidden_in_it() {
    let passed = async |body: &str| {
        let refusal = refusal(&Method::GET, 404, PROBLEM, body).unwrap();
        let body = refusal.into_response().into_body();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let own = "{ \"status\": 404,\"code\":\"not_found\", \"detail\":\"\u{fc}\", \"position\":7}\n";
    assert_eq!(passed(own).await, own);
    let long = "x".repeat(DETAIL_BYTES);
    for odd in [
        "\"detail\":\"a\\u001b[2Jb\\u202e\"".to_owned(),
        format!("\"detail\":\"{long}{long}\""),
        "\"detail\":\"\",\"title\":\"\\u202e\",\"title\":\"x\"".to_owned(),
        "\"detail\":\"\",\"\\u202e\":1".to_owned(),
        "\"detail\":\"\",\"x\":{\"y\":\"\\u202e\"}".to_owned(),
        "\"detail\":\"\",\"x\":[\"\\u202e\"]".to_owned(),
    ] {
        let told = passed(&format!("{{\"status\":404,\"code\":\"not_found\",{odd}}}")).await;
        let value: Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&value["status"], &value["code"]), (&404.into(), &"not_found".into()));
        assert!(told.len() <= DETAIL_BYTES + 100 && !told.contains("202e"), "{told}");
        assert!(!told.trim_end().chars().any(is_hidden) && !told.contains("\\u001b"), "{told}");
    }
}

#[test]
fn only_a_file_that_is_missing_is_no_failure() {
    let verdict = |method, status, code| {
        refusal(&method, status, PROBLEM, &problem(status, code)).unwrap().into_verdict("h").status
    };
    assert_eq!(verdict(Method::GET, 404, "not_found"), Status::NotFound);
    assert_eq!(verdict(Method::HEAD, 404, ""), Status::NotFound);
    assert_eq!(verdict(Method::GET, 404, "no_route"), Status::Failed);
    assert_eq!(verdict(Method::HEAD, 403, ""), Status::Failed);
    assert_eq!(verdict(Method::GET, 504, "upstream_timeout"), Status::Timeout);
}
