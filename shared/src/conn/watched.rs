//! A client's socket, as hyper sees it. This does what hyper does not do by itself:
//!
//! - The bytes that a request line may not contain are percent-encoded ([`Heads`]).
//! - A request that hyper refuses with a bare status gets an answer that says what is wrong.
//! - Bytes after a request are held back until it is answered: hyper notices that a client has gone
//!   only while it has no bytes to read.
//! - A client that ends its side of the connection after its request still gets its answer
//!   ([`HalfClosed`]).
//! - An idle connection closes when its place is needed.
//! - An incomplete answer that would end with the connection's close ends with a reset.

mod reading;
mod writing;

use super::Watch;
use super::half_closed::HalfClosed;
use super::heads::Heads;
use crate::wire::instance::Instance;
use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Sleep;

/// What is needed of a socket besides reading and writing.
pub trait Socket {
    /// Makes the socket end with a reset instead of an orderly close, however it is closed: also by
    /// the kernel when the process is killed. `false` takes that back.
    fn reset_on_close(&self, reset: bool);

    /// The error that the socket has had since the last call.
    fn error(&self) -> Option<io::Error>;
}

impl Socket for TcpStream {
    fn reset_on_close(&self, reset: bool) {
        // If this fails, the connection is gone already.
        let _ = SockRef::from(self).set_linger(reset.then_some(Duration::ZERO));
    }

    fn error(&self) -> Option<io::Error> {
        self.take_error().unwrap_or_else(Some)
    }
}

/// A Unix socket cannot be reset. So no answer that ends by closing is sent over one
/// ([`told_by_closing`](super::told_by_closing)).
impl Socket for UnixStream {
    fn reset_on_close(&self, _: bool) {}

    fn error(&self) -> Option<io::Error> {
        self.take_error().unwrap_or_else(Some)
    }
}

/// A stream that notes in its watch what the peer does.
#[derive(Debug)]
pub struct Watched<S: Socket> {
    stream: S,
    watch: Arc<Watch>,
    /// The secondary that answers, if this is one.
    instance: Option<Instance>,
    heads: Heads,
    /// Bytes that have arrived, as hyper gets them.
    arrived: Bytes,
    /// Bytes that arrived after these, unchanged.
    behind: BytesMut,
    half_closed: Option<HalfClosed>,
    /// The last value given to [`Socket::reset_on_close`].
    resets: bool,
    /// The number of the last request for which a part of the answer was written.
    answered: u64,
    /// Whether everything that hyper wanted to write has been written.
    is_flushed: bool,
    /// The number of a request whose answer is complete, and how many of its bytes are still to be
    /// written.
    owed: Option<(u64, usize)>,
    /// An answer that replaces one that hyper made by itself.
    told: Bytes,
    has_shut_down: bool,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S: Socket> Watched<S> {
    /// Wraps `stream`, and notes what happens in `watch`.
    pub fn new(stream: S, watch: Arc<Watch>) -> Watched<S> {
        Watched {
            stream,
            watch,
            instance: None,
            heads: Heads::new(),
            arrived: Bytes::new(),
            behind: BytesMut::new(),
            half_closed: None,
            resets: false,
            answered: 0,
            is_flushed: true,
            owed: None,
            told: Bytes::new(),
            has_shut_down: false,
            linger: None,
        }
    }

    /// The same for a secondary, which names its instance on every answer.
    #[must_use]
    pub fn of_instance(mut self, instance: Instance) -> Watched<S> {
        self.instance = Some(instance);
        self
    }

    /// Sets how the socket would end now. Called before the first byte of an answer that ends by
    /// closing, and after its last one.
    fn agree_on_the_end(&mut self) {
        let resets = self.watch.ends_by_closing.load(Relaxed);
        if resets != self.resets {
            self.stream.reset_on_close(resets);
            self.resets = resets;
        }
    }
}

/// Without the reset, the kernel would go on holding the data for a client that does not read, and
/// nothing would limit that.
impl<S: Socket> Drop for Watched<S> {
    fn drop(&mut self) {
        if self.watch.is_stalled() {
            self.stream.reset_on_close(true);
        }
    }
}
