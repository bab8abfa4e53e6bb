//! The open connections of one thread or one port, and their time limits.

use super::app::Shared;
use super::connection;
use super::work::{Counted, Work};
use axum::Router;
use backscroll_shared::conn::Watch;
use backscroll_shared::listen::Stream;
use backscroll_shared::metrics::Counts;
use backscroll_shared::tls::Acceptor;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

/// How often one looks for connections that have used up their time.
pub const SWEEP_TIME: Duration = Duration::from_secs(1);

/// The open connections.
#[derive(Debug, Default)]
pub struct Open {
    pub(super) acceptor: Option<Arc<Acceptor>>,
    pub(super) tasks: JoinSet<()>,
    /// A connection that has ended is not counted any more, also before it is taken out of here.
    pub(super) watched: HashMap<Id, (Weak<Watch>, AbortHandle)>,
}

impl Open {
    /// Begins to serve a connection.
    pub(super) fn begin(
        &mut self,
        work: Work,
        router: &Router,
        shared: &Arc<Shared>,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<()> {
        let Work { stream, watch, counted } = work;
        let (app, shared, own_watch, stopping) =
            (router.clone(), Arc::clone(shared), Arc::clone(&watch), stopping.clone());
        match stream {
            Stream::Tcp(stream) => {
                let stream = TcpStream::from_std(stream)?;
                match self.acceptor.clone() {
                    None => {
                        self.add(
                            &watch,
                            counted,
                            connection::serve(stream, app, shared, own_watch, stopping),
                        );
                    }
                    Some(acceptor) => {
                        let served =
                            connection::serve_over_tls(acceptor, stream, app, shared, own_watch, stopping);
                        self.add(&watch, counted, served);
                    }
                }
            }
            Stream::Unix(stream) => {
                let stream = UnixStream::from_std(stream)?;
                self.add(&watch, counted, connection::serve(stream, app, shared, own_watch, stopping));
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        watch: &Arc<Watch>,
        counted: Counted,
        served: impl Future<Output = ()> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(async move {
            let _counted = counted;
            served.await;
        });
        self.watched.insert(handle.id(), (Arc::downgrade(watch), handle));
    }

    /// Notes that a connection has ended.
    pub(super) fn closed(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a connection's task panicked");
                }
                error.id()
            }
        };
        self.watched.remove(&id);
    }

    /// Cuts the connections that have used up their time.
    pub(super) fn cut_overdue(&self, counts: &Counts) {
        for (watch, handle) in self.watched.values() {
            let Some(watch) = watch.upgrade() else { continue };
            if let Some(why) = watch.overdue() {
                if watch.cut(why, None) {
                    counts.cut(why);
                }
                handle.abort();
            }
        }
    }
}
