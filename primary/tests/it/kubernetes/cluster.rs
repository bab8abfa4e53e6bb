//! The API of a cluster: a TLS server that answers as a test says. The forms of its answers are
//! those of the Kubernetes API reference.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What it says to a request.
pub(super) enum Reply {
    Json(u16, Value),
    Bytes(Vec<u8>),
    /// The head alone, of a longer answer.
    CutOff,
    Never,
}

type Answers = Box<dyn FnMut(&str) -> Reply + Send>;

pub(super) struct Cluster {
    pub(super) url: String,
    /// The file of its authority.
    pub(super) ca: PathBuf,
    /// The heads of the requests that came.
    pub(super) heads: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes an authority, writes its certificate to `ca.crt` in the directory, and returns a certificate
/// for the loopback address that it has signed.
fn acceptor(dir: &Path) -> TlsAcceptor {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    std::fs::write(dir.join("ca.crt"), authority.pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl Cluster {
    pub(super) async fn new(dir: &Path, answers: impl FnMut(&str) -> Reply + Send + 'static) -> Cluster {
        let (acceptor, ca) = (acceptor(dir), dir.join("ca.crt"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let answers: Arc<Mutex<Answers>> = Arc::new(Mutex::new(Box::new(answers)));
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let all = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, answers, heads) = (acceptor.clone(), Arc::clone(&answers), Arc::clone(&heads));
                tokio::spawn(async move {
                    // A client that does not believe the certificate leaves.
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8(head).unwrap();
                    heads.lock().unwrap().push(head.clone());
                    let reply = answers.lock().unwrap()(&head);
                    let (status, body, length) = match reply {
                        Reply::Json(status, value) => {
                            let body = value.to_string().into_bytes();
                            (status, body.clone(), body.len())
                        }
                        Reply::Bytes(body) => (200, body.clone(), body.len()),
                        Reply::CutOff => (200, Vec::new(), 99),
                        Reply::Never => return std::future::pending().await,
                    };
                    let head = format!(
                        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                    );
                    let answer = [head.as_bytes(), &body].concat();
                    // The client may have left.
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Cluster { url, ca, heads: all, task: task.abort_handle() }
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

pub(super) const UID: &str = "7f1f1c1e-0000-4000-8000-000000000001";

/// The `DaemonSet`, which should have so many pods.
pub(super) fn daemonset(count: u32) -> Value {
    json!({
        "kind": "DaemonSet",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": "backscroll-secondary", "namespace": "logs", "uid": UID, "generation": 3,
            "labels": { "app.kubernetes.io/name": "backscroll-secondary" },
        },
        "spec": {
            "selector": { "matchLabels": { "app.kubernetes.io/name": "backscroll-secondary" } },
            "template": { "metadata": {}, "spec": { "containers": [{ "name": "secondary" }] } },
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1 } },
        },
        "status": {
            "currentNumberScheduled": count, "numberMisscheduled": 0, "desiredNumberScheduled": count,
            "numberReady": 1, "observedGeneration": 3, "numberAvailable": 1,
        },
    })
}

/// A pod of this owner that the controller has made for the node. It is there only if it is bound.
pub(super) fn pod(owner: &str, node: &str, is_bound: bool, phase: &str) -> Value {
    let mut pod = json!({
        "metadata": {
            "name": format!("backscroll-secondary-{node}"), "namespace": "logs",
            "labels": { "app.kubernetes.io/name": "backscroll-secondary", "controller-revision-hash": "5c9" },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "backscroll-secondary", "uid": owner,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "containers": [{ "name": "secondary", "image": "backscroll-secondary" }],
            "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{
                    "matchExpressions": [{ "key": "kubernetes.io/os", "operator": "In", "values": ["linux"] }],
                    "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [node] }],
                }],
            } } },
        },
        "status": { "phase": phase, "qosClass": "Guaranteed" },
    });
    if is_bound {
        pod["spec"]["nodeName"] = json!(node);
    }
    pod
}

/// A page of pods. Another one follows if `next` is not empty.
pub(super) fn page(pods: &[Value], next: &str) -> Value {
    let metadata = match next {
        "" => json!({ "resourceVersion": "10245" }),
        next => json!({ "resourceVersion": "10245", "continue": next, "remainingItemCount": 1 }),
    };
    json!({ "kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": pods })
}

/// What the API says where it refuses.
pub(super) fn status(code: u16, reason: &str, message: &str) -> Reply {
    let value = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    Reply::Json(code, value)
}
