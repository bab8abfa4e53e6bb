//! docs/openapi.yaml says what both servers do: endpoints, methods, parameters with their bounds,
//! codes with their status, and content types.

use crate::support::{Sample, curl};
use backscroll_shared::limits;
use backscroll_shared::query::Audience;
use backscroll_shared::wire::code::Code;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

fn document() -> Value {
    serde_saphyr::from_str(&file("openapi.yaml")).unwrap()
}

/// What stands at a reference, or the value itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    document.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference}"))
}

/// The methods of each path.
fn methods(document: &Value) -> BTreeMap<&str, BTreeSet<String>> {
    let of = |item: &Value| item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
    document["paths"].as_object().unwrap().iter().map(|(path, item)| (path.as_str(), of(item))).collect()
}

/// The parameters of GET.
fn parameters<'d>(document: &'d Value, path: &str) -> BTreeSet<&'d str> {
    let all = document["paths"][path]["get"]["parameters"].as_array();
    all.into_iter().flatten().map(|one| resolved(document, one)["name"].as_str().unwrap()).collect()
}

/// What only a primary has.
const OF_A_PRIMARY: [&str; 3] = ["/hosts", "hostname", "on_error"];

struct Server {
    address: SocketAddr,
    is_primary: bool,
}

impl Server {
    fn both(sample: &Sample) -> [Server; 2] {
        let secondary = sample.fleet.secondaries[0].1;
        [
            Server { address: sample.fleet.primary, is_primary: true },
            Server { address: secondary, is_primary: false },
        ]
    }

    fn has(&self, what: &str) -> bool {
        self.is_primary || !OF_A_PRIMARY.contains(&what)
    }

    /// The head and the body of an answer.
    fn ask(&self, target: &str, flags: &[&str]) -> (String, String) {
        let url = format!("http://{}{target}", self.address);
        let output = curl(&[&["-i"], flags, &[&url]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }
}

/// The value of a field in a head.
fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn endpoints_and_methods_are_those_of_the_document() {
    let document = document();
    let sample = Sample::start();
    for server in Server::both(&sample) {
        let expected = methods(&document).into_iter().filter(|(path, _)| server.has(path));
        let mut listed = BTreeSet::from(["/".to_owned()]);
        let (_, page) = server.ask("/", &[]);
        for line in page.lines().filter_map(|line| line.strip_prefix("GET ")) {
            let paths = line.split_whitespace().filter(|word| word.starts_with('/'));
            let path = |word: &str| word.split(['?', '[', ',']).next().unwrap().to_owned();
            listed.extend(paths.map(path));
        }
        let mut documented = BTreeSet::new();
        for (path, methods) in expected {
            documented.insert(path.to_owned());
            let (head, _) = server.ask(path, &["-X", "PUT"]);
            let allowed: BTreeSet<String> =
                field(&head, "allow").unwrap().split(", ").map(str::to_uppercase).collect();
            assert_eq!(allowed, methods, "{path}");
        }
        assert_eq!(listed, documented);
    }
}

#[test]
fn parameters_and_their_bounds_are_those_of_the_document() {
    let document = document();
    let of = |audience: Audience| audience.parameters().iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(parameters(&document, "/logs"), of(Audience::Primary));
    let form =
        &document["paths"]["/logs"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"];
    let fields: BTreeSet<&str> =
        form["schema"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, of(Audience::Primary));
    let sample = Sample::start();
    for server in Server::both(&sample) {
        for path in ["/logs", "/files", "/hosts", "/readyz"].into_iter().filter(|path| server.has(path)) {
            let (_, body) = server.ask(&format!("{path}?zzz=1"), &[]);
            let problem: Value = serde_json::from_str(&body).unwrap();
            let known = problem["detail"].as_str().unwrap().split("known here are ").nth(1).unwrap();
            let known: BTreeSet<&str> = known.split(", ").filter(|name| *name != "none").collect();
            let documented =
                parameters(&document, path).into_iter().filter(|name| server.has(name)).collect();
            assert_eq!(known, documented, "{path}");
        }
    }
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Filename"]["maxLength"], limits::FILENAME_BYTES);
    assert_eq!(schemas["Keywords"]["x-most"], limits::KEYWORDS);
    assert_eq!(schemas["Patterns"]["x-most"], limits::PATTERNS);
    assert_eq!(schemas["Patterns"]["items"]["maxLength"], limits::PATTERN_BYTES);
    assert_eq!(schemas["Count"]["maximum"], u64::MAX);
    assert_eq!(limits::BODY_BYTES, 64 << 10, "the text of the form says so");
}

#[test]
fn codes_and_statuses_are_those_of_the_document() {
    let document = document();
    let code = &document["components"]["schemas"]["Code"];
    let documented: BTreeMap<&str, u64> = code["x-status"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(code, status)| (code.as_str(), status.as_u64().unwrap()))
        .collect();
    let listed: BTreeSet<&str> =
        code["enum"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(listed, documented.keys().copied().collect());
    let known: Vec<Code> = Code::KNOWN.into_iter().filter_map(Code::for_problem).collect();
    let statuses: BTreeMap<&str, u64> =
        known.iter().map(|code| (code.as_str(), u64::from(code.status().as_u16()))).collect();
    assert_eq!(documented, statuses);
    let text = file("http.md");
    for (code, status) in statuses {
        assert!(text.contains(&format!("| {status} | `{code}` |")), "docs/http.md lacks {status} {code}");
    }
}

#[test]
fn content_types_are_those_of_the_document() {
    let document = document();
    let sample = Sample::start();
    let query = "?hostname=secondary-1&filename=app.log&n=2";
    for server in Server::both(&sample) {
        for (path, item) in document["paths"].as_object().unwrap() {
            if !server.has(path) {
                continue;
            }
            let target = match path.as_str() {
                "/logs" if server.is_primary => format!("{path}{query}"),
                "/logs" => format!("{path}{}", query.replace("hostname=secondary-1&", "")),
                _ => path.clone(),
            };
            let types = item["get"]["responses"]["200"].clone();
            let types = resolved(&document, &types)["content"].as_object().unwrap().clone();
            for content_type in types.keys() {
                let accept = format!("Accept: {content_type}");
                let (head, body) = server.ask(&target, &["-H", &accept]);
                assert!(head.starts_with("http/1.1 200"), "{target}: {head}");
                let given = field(&head, "content-type").unwrap();
                assert_eq!(given.split(';').next(), Some(content_type.as_str()), "{target}");
                if content_type == "application/json" {
                    check_shape(
                        &document,
                        &types[content_type]["schema"],
                        &serde_json::from_str(&body).unwrap(),
                    );
                }
                if content_type == "application/x-ndjson" {
                    let schemas = &document["components"]["schemas"];
                    let objects = body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                    for object in objects {
                        match object.get("end") {
                            Some(verdict) => check_shape(&document, &schemas["Verdict"], verdict),
                            None => check_shape(&document, &schemas["Record"], &object),
                        }
                    }
                }
            }
            let (head, body) = server.ask(&format!("{target}{}", "x".repeat(9_000)), &[]);
            assert_eq!(field(&head, "content-type"), Some("application/problem+json"));
            let problem = serde_json::from_str(&body).unwrap();
            check_shape(&document, &document["components"]["schemas"]["Problem"], &problem);
        }
    }
}

/// Checks that an object has the members that are required, and none that the document lacks.
fn check_shape(document: &Value, schema: &Value, value: &Value) {
    let schema = resolved(document, schema);
    if let Some(items) = value.as_array() {
        assert!(!items.is_empty());
        return items.iter().for_each(|item| check_shape(document, &schema["items"], item));
    }
    let members: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let known = schema["properties"].as_object().unwrap();
    assert!(members.iter().all(|member| known.contains_key(*member)), "{members:?}");
    let required = schema["required"].as_array().unwrap();
    assert!(required.iter().all(|member| members.contains(member.as_str().unwrap())), "{members:?}");
}
