//! Requests to the API of Kubernetes. It needs the rights to `get` the one `DaemonSet`, and to `list`
//! the pods of its namespace.

use super::args::Settings;
use super::objects::{DaemonSet, Nodes, PodList};
use crate::fleet::expected::EXPECTED;
use crate::host::cause::Cause;
use crate::host::client::{Client, client, is_timeout};
use crate::host::credentials::bearer;
use crate::text::{TEXT_BYTES, line};
use backscroll_shared::tls::{self, ClientTls, Fault};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long a request may take, to the end of its answer.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Bytes of an answer. A pod has some 10 KiB.
const BODY_BYTES: usize = 16 << 20;

/// Bytes of the token.
const TOKEN_BYTES: u64 = 64 << 10;

/// Pods of a page.
const PAGE: usize = 250;

/// The most pods, of all pages. A cluster has 5,000 nodes at most.
const PODS: usize = 20_000;

/// How often a list begins anew, because its next page is not there any more.
const LISTS: usize = 2;

/// Why a round has failed: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("--token-file {path}: {1}: mount the token of the service account", path = .0.display())]
    Token(PathBuf, String),
    #[error("the API at {0} cannot be reached: {1}")]
    Unreachable(String, String),
    #[error("the API at {0} has not answered within {time:?}", time = REQUEST_TIME)]
    Late(String),
    #[error(
        "the API does not know the token (401): check that --token-file names that of the service account{0}"
    )]
    Unknown(String),
    #[error("the service account may not {0} (403): give it the Role that docs/fleet.md shows{1}")]
    Forbidden(String, String),
    #[error("there is no DaemonSet {0} in the namespace {1}: check --daemonset and --namespace")]
    NoDaemonSet(String, String),
    #[error("the DaemonSet {0} has no status yet: its controller has not looked at it")]
    NoStatus(String),
    #[error("the API refuses to {0} with status {1}{2}")]
    Refused(String, StatusCode, String),
    #[error("the API gives an answer to {0} that is longer than {BODY_BYTES} bytes, or cuts it off")]
    Unfinished(String),
    #[error(
        "the API gives an answer to {0} that is not understood: {1}: does --api name an API of Kubernetes?"
    )]
    Malformed(String, String),
    #[error("there are more than {PODS} pods in the namespace: give the secondaries one of their own")]
    TooManyPods,
    #[error("there are more than {EXPECTED} nodes: give each part of the fleet a primary of its own")]
    TooManyNodes,
    #[error("the list of the pods changes faster than it can be read")]
    Expired,
    #[error("--file {path}: {1}: name a file in a directory that this user may write to", path = .0.display())]
    Unwritable(PathBuf, io::Error),
}

impl Failure {
    /// What has failed, without the words of others, which may differ each time.
    pub(super) fn what(&self) -> String {
        match self {
            Failure::Unknown(_) => Failure::Unknown(String::new()).to_string(),
            Failure::Forbidden(what, _) => Failure::Forbidden(what.clone(), String::new()).to_string(),
            Failure::Refused(what, status, _) => {
                Failure::Refused(what.clone(), *status, String::new()).to_string()
            }
            Failure::Malformed(what, _) => Failure::Malformed(what.clone(), String::new()).to_string(),
            other => other.to_string(),
        }
    }
}

/// The API.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    base: String,
    token_file: PathBuf,
    namespace: String,
    daemonset: String,
}

impl Api {
    /// Nothing is asked yet.
    pub(super) fn new(settings: &Settings) -> Result<Api, tls::Error> {
        let tls = ClientTls::of_authorities("--ca-file", &settings.ca_file)?;
        Ok(Api {
            client: client(CONNECT_TIME, Some(tls)),
            base: settings.api.clone(),
            token_file: settings.token_file.clone(),
            namespace: settings.namespace.clone(),
            daemonset: settings.daemonset.clone(),
        })
    }

    /// The nodes for which the pods of the `DaemonSet` are meant.
    pub(super) async fn nodes(&self) -> Result<Nodes, Failure> {
        // Read each time, since it is replaced long before it expires.
        let token = token(&self.token_file).map_err(|why| Failure::Token(self.token_file.clone(), why))?;
        let Api { namespace, daemonset, .. } = self;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/daemonsets/{daemonset}");
        let what = format!("get the DaemonSet {daemonset} of the namespace {namespace}");
        let owner: DaemonSet = match self.get(&path, &what, &token).await {
            Err(Failure::Refused(_, StatusCode::NOT_FOUND, _)) => {
                return Err(Failure::NoDaemonSet(daemonset.clone(), namespace.clone()));
            }
            answer => answer?,
        };
        let count = owner.count().ok_or_else(|| Failure::NoStatus(daemonset.clone()))?;
        for _ in 0..LISTS {
            match self.listed(&owner, &token).await {
                // The next page is not there any more: the API keeps it for some minutes.
                Err(Failure::Refused(_, StatusCode::GONE, _)) => {}
                names => {
                    let names = names?;
                    return Ok(Nodes { unnamed: count.saturating_sub(names.len()), names });
                }
            }
        }
        Err(Failure::Expired)
    }

    /// The nodes of all pages.
    async fn listed(&self, owner: &DaemonSet, token: &HeaderValue) -> Result<BTreeSet<String>, Failure> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let namespace = &self.namespace;
        let what = format!("list pods in the namespace {namespace}");
        let labels = encoded(&owner.label_selector());
        let first = format!("/api/v1/namespaces/{namespace}/pods?limit={PAGE}&labelSelector={labels}");
        let (mut path, mut names, mut pods) = (first.clone(), BTreeSet::new(), 0);
        loop {
            let page: PodList = self.get(&path, &what, token).await?;
            pods += page.len();
            if pods > PODS {
                return Err(Failure::TooManyPods);
            }
            names.extend(page.nodes(owner));
            // The primary would refuse the file.
            if names.len() > EXPECTED {
                return Err(Failure::TooManyNodes);
            }
            match page.next() {
                // An empty page would bring no end.
                Some(_) if page.len() == 0 => return Err(Failure::Expired),
                Some(next) => path = format!("{first}&continue={}", encoded(next)),
                None => return Ok(names),
            }
        }
    }

    /// Asks for one object.
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &str,
        token: &HeaderValue,
    ) -> Result<T, Failure> {
        let request = Request::get(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, token)
            .header(header::ACCEPT, "application/json")
            .body(Full::<Bytes>::default())
            .map_err(|error| Failure::Malformed(what.to_owned(), error.to_string()))?;
        let answered = async {
            let answer = self.client.request(request).await.map_err(|error| {
                let why = if is_timeout(&error) { Cause::NoConnection.to_string() } else { why(&error) };
                Failure::Unreachable(self.base.clone(), why)
            })?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), BODY_BYTES).collect().await;
            let body = body.map_err(|_| Failure::Unfinished(what.to_owned()))?.to_bytes();
            Ok((status, body))
        };
        let answered = timeout(REQUEST_TIME, answered).await;
        let (status, body) = answered.map_err(|_| Failure::Late(self.base.clone()))??;
        match status {
            StatusCode::OK => serde_json::from_slice(&body)
                .map_err(|error| Failure::Malformed(what.to_owned(), line(&error.to_string(), TEXT_BYTES))),
            StatusCode::UNAUTHORIZED => Err(Failure::Unknown(message(&body))),
            StatusCode::FORBIDDEN => Err(Failure::Forbidden(what.to_owned(), message(&body))),
            status => Err(Failure::Refused(what.to_owned(), status, message(&body))),
        }
    }
}

/// What the API says in its `Status`, if that is what it sent.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    match serde_json::from_slice::<Status>(body) {
        Ok(Status { message }) if !message.is_empty() => format!(": {}", line(&message, TEXT_BYTES)),
        _ => String::new(),
    }
}

/// Why it cannot be reached.
fn why(error: &(dyn std::error::Error + 'static)) -> String {
    match Cause::of(error) {
        Cause::NoAddress => "the name in its URL has no address: check --api".to_owned(),
        Cause::Tls(Fault::UnknownAuthority) => {
            "its certificate is of an authority that is not in the file of --ca-file".to_owned()
        }
        Cause::Tls(Fault::WrongName) => "its certificate is not for the host in --api".to_owned(),
        Cause::Tls(Fault::NoTls) => "it does not speak TLS".to_owned(),
        cause => cause.to_string(),
    }
}

/// The field for the token in this file.
fn token(path: &Path) -> Result<HeaderValue, String> {
    #[expect(clippy::disallowed_methods, reason = "a command that serves nobody")]
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(TOKEN_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    bearer(&bytes).ok_or_else(|| "it does not hold one token".to_owned())
}
