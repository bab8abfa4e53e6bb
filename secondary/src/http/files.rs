//! `GET /files`: lists the log files that a client can ask for.

use super::access::Viewer;
use super::body::{AnswerBody, Reply};
use super::state::{Connection, InFlight, RingThread};
use crate::listing::{Listing, parse_glob};
use crate::read::Engine;
use backscroll_shared::query::{Pair, pairs, unknown_parameter};
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::{Code, Problem};
use futures_util::stream;
use http::{HeaderValue, Request, Response, header};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Mutex;

pub(super) async fn files<E: Engine, B>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection>,
    request: &Request<B>,
    viewer: Viewer,
) -> Reply {
    let mut glob = None;
    for Pair { name, value } in pairs(request.uri().query().unwrap_or(""))? {
        if name != b"glob" {
            return Err(unknown_parameter(&name, &["glob"]));
        }
        parse_glob(&value)?;
        if glob.replace(value).is_some() {
            return Err(Problem::new(Code::BadParameter, "glob is given twice: give it once"));
        }
    }
    accept::check_range(request.headers())?;
    let format = accept::list_format(request.headers())?;
    let catalog = &thread.shared.catalog;
    let is_relayed = request.headers().contains_key(headers::RELAY);
    let unknown = is_relayed.then(|| catalog.unknown_listing(&viewer.files)).flatten();
    let (context, catalog) = (thread.context(), Arc::clone(catalog));
    let mut listing = Listing::new(context, catalog, glob, viewer.files, format, !is_relayed)?;
    // To a primary, an empty listing means that the host has no files. So an empty log directory is
    // an error for it: a mount may be missing.
    if let Some(problem) = unknown {
        return Err(problem);
    }
    listing.begin().await?;
    let content_type = match format {
        ListFormat::Text => "text/plain; charset=utf-8",
        ListFormat::Json => "application/json",
    };
    listing.seen_by(connection.exchange());
    let listing = Rc::new(Mutex::new(listing));
    connection.set_in_flight(&listing);
    let frames = stream::unfold(listing, |listing| async move {
        let frame = listing.lock().await.next_frame().await;
        frame.map(|frame| (frame, listing))
    });
    let mut response = Response::new(AnswerBody::Streamed(Box::pin(frames)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers::hardened(response.headers_mut());
    Ok(response)
}

impl<E: Engine> InFlight for Listing<E> {
    fn file(&self) -> Option<String> {
        None
    }

    fn park(&mut self) {
        Listing::park(self);
    }
}
