use super::*;
use backscroll_shared::tls;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn init(dir: &Path, secondary: &[&str]) -> Result<String, String> {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let init = Init {
        dir: dir.to_owned(),
        secondary: texts(secondary),
        primary: texts(&["logs.internal"]),
        days: 30,
    };
    make(&init).map_err(|error| error.to_string())
}

fn add(dir: &Path, secondary: &[&str], replace: bool) -> Result<String, String> {
    let secondary = secondary.iter().map(|text| (*text).to_owned()).collect();
    let add = Add { dir: dir.to_owned(), secondary, primary: Vec::new(), days: 3650, replace };
    more(&add).map_err(|error| error.to_string())
}

#[expect(clippy::disallowed_methods, reason = "a test")]
fn pem(dir: &Path, name: &str) -> Vec<u8> {
    std::fs::read(dir.join(name)).unwrap()
}

fn names(pem: &[u8]) -> Vec<String> {
    tls::dns_names(&tls::certificates(pem).unwrap()[0])
}

#[test]
fn one_command_makes_everything_for_a_first_set_up() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new/certs");
    let report = init(&dir, &["web1=10.0.0.1,web1.internal", "web2"]).unwrap();
    let ca = pem(&dir, "ca.pem");
    for (name, is_client, valid_for) in [
        ("primary", true, &["backscroll-primary"][..]),
        ("primary-server", false, &["localhost", "logs.internal"]),
        ("web1", false, &["web1", "web1.internal"]),
        ("web2", false, &["web2"]),
    ] {
        let own = pem(&dir, &format!("{name}.pem"));
        assert_eq!(names(&own), valid_for, "{name}");
        assert!(tls::is_believed(&own, &ca, is_client), "{name}");
        assert!(!tls::is_believed(&own, &ca, !is_client), "{name} is for one thing alone");
        let key = dir.join(format!("{name}.key"));
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        assert!(report.contains(&format!("{name}.pem, {name}.key")), "{report}");
    }
    assert_eq!(dir.join("ca.key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(report.contains("--secondary web1=https://10.0.0.1:8001\n"), "{report}");
    assert!(report.contains("--secondary web2=https://web2:8001\n"), "{report}");
}

#[test]
fn nothing_is_replaced_unless_it_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &["web1"]).unwrap();
    let before = pem(dir.path(), "web1.pem");
    let error = init(dir.path(), &["web9"]).unwrap_err();
    assert!(error.contains("ca.pem exists already"), "{error}");
    assert!(!dir.path().join("web9.pem").exists());
    let error = add(dir.path(), &["web2", "web1"], false).unwrap_err();
    assert!(error.contains("web1.pem exists already"), "{error}");
    assert!(!dir.path().join("web2.pem").exists(), "all or nothing");
    let report = add(dir.path(), &["web2", "web1"], true).unwrap();
    assert!(report.starts_with("Made or replaced"), "{report}");
    let after = pem(dir.path(), "web1.pem");
    assert_ne!(before, after);
    assert!(tls::is_believed(&after, &pem(dir.path(), "ca.pem"), false));
    assert!(!dir.path().join("web1.pem.new").exists());
    assert_eq!(dir.path().join("web1.key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_authority_signs_only_what_is_believed() {
    let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let error = add(one.path(), &["web1"], false).unwrap_err();
    assert!(error.contains("ca.pem cannot be read") && error.contains("certs init"), "{error}");
    init(one.path(), &["web1"]).unwrap();
    init(other.path(), &["web1"]).unwrap();
    std::fs::copy(other.path().join("ca.key"), one.path().join("ca.key")).unwrap();
    let error = add(one.path(), &["web2"], false).unwrap_err();
    assert!(error.contains("ca.key") && error.contains("does not belong"), "{error}");
    // An authority of another kind: its name is another one.
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let foreign = params.self_signed(&key).unwrap().pem();
    #[expect(clippy::disallowed_methods, reason = "a test")]
    for (name, text) in [("ca.pem", foreign), ("ca.key", key.serialize_pem())] {
        std::fs::write(one.path().join(name), text).unwrap();
    }
    let error = add(one.path(), &["web2"], false).unwrap_err();
    assert!(error.contains("not made by `certs init`"), "{error}");
}

#[test]
fn no_certificate_outlives_its_authority() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &["web1"]).unwrap();
    let end = |name: &str| tls::expiry(&tls::certificates(&pem(dir.path(), name)).unwrap()[0]).unwrap();
    let now = u64::try_from(Timestamp::now().as_second()).unwrap();
    assert!((end("web1.pem") - now).abs_diff(30 * 24 * 3600) < 600);
    add(dir.path(), &["web2"], false).unwrap();
    assert!(end("web2.pem") <= end("ca.pem"));
    assert!(end("web2.pem") > now + 3600 * 24 * 3640);
}

#[test]
fn a_name_is_one_that_a_certificate_can_carry() {
    for (text, why) in [
        ("", "neither a DNS name nor an IP address"),
        ("web 1", "neither"),
        ("web1=10.0.0.1:8001", "without scheme and port"),
        ("web1=https://web1", "without scheme"),
        ("../web1", "neither"),
        ("a/b", "neither"),
        ("ca", "another file"),
        ("primary", "another file"),
        ("primary-server=10.0.0.1", "another file"),
    ] {
        let error = Subject::list(&[text.to_owned()]).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let twice = Subject::list(&["web1".to_owned(), "web1=10.0.0.1".to_owned()]).unwrap_err();
    assert!(twice.to_string().contains("named twice"), "{twice}");
    let one = Subject::list(&[" web_1=fd00::1, 10.0.0.1,".to_owned()]).unwrap().remove(0);
    assert_eq!(
        (one.name.as_str(), &*one.valid_for),
        ("web_1", &["web_1", "fd00::1", "10.0.0.1"].map(str::to_owned)[..])
    );
}
