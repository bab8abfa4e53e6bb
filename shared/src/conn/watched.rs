//! A client's socket on its way to hyper and back. What hyper leaves to its user is done here:
//!
//! - The bytes that a request line may not hold are percent-encoded ([`Heads`]).
//! - A request that hyper refuses with a bare status gets an answer that says what is wrong.
//! - What comes behind a request waits until that is answered: hyper looks for the client's end
//!   only while it has no bytes to look at.
//! - A client that ends its sending after its request gets its answer ([`HalfClosed`]).
//! - An idle connection ends where its place is needed.
//! - An answer that ends by closing, and is not whole, ends in a reset.

mod reading;
mod writing;

use super::Watch;
use super::half_closed::HalfClosed;
use super::heads::Heads;
use crate::limits;
use crate::wire::instance::Instance;
use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// What is asked of a socket besides reading and writing.
pub trait Socket {
    /// Makes the socket end in a reset instead of an orderly close, however it is closed:
    /// also by the kernel, where the process is killed. Or takes that back.
    fn reset_on_close(&self, reset: bool);

    /// What has gone wrong with it since this was last asked.
    fn error(&self) -> Option<io::Error>;
}

impl Socket for TcpStream {
    fn reset_on_close(&self, reset: bool) {
        // Where it fails the connection is gone already.
        let _ = SockRef::from(self).set_linger(reset.then_some(Duration::ZERO));
    }

    fn error(&self) -> Option<io::Error> {
        self.take_error().unwrap_or_else(Some)
    }
}

/// A stream that notes what its peer does.
#[derive(Debug)]
pub struct Watched<S: Socket> {
    stream: S,
    watch: Arc<Watch>,
    /// Which secondary answers.
    instance: Option<Instance>,
    heads: Heads,
    /// What has come, as hyper is to get it.
    arrived: Bytes,
    /// What has come behind that, as it came.
    behind: BytesMut,
    half_closed: Option<HalfClosed>,
    /// What the stream was told last.
    resets: bool,
    /// The last request of whose answer something was written.
    answered: u64,
    /// Whether all has been written that hyper wanted to.
    is_flushed: bool,
    /// Once the answer to this request has been made: how many of its bytes are still to be
    /// written.
    owed: Option<(u64, usize)>,
    /// An answer in the place of one that hyper has made by itself.
    told: Bytes,
    has_shut_down: bool,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S: Socket> Watched<S> {
    /// Watches `stream`.
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

    /// The same for a secondary, which says on every answer which one it is.
    #[must_use]
    pub fn of_instance(mut self, instance: Instance) -> Watched<S> {
        self.instance = Some(instance);
        self
    }

    /// Before the first byte of an answer that ends by closing, and after its last one.
    fn agree_on_the_end(&mut self) {
        let resets = self.watch.ends_by_closing.load(Relaxed);
        if resets != self.resets {
            self.stream.reset_on_close(resets);
            self.resets = resets;
        }
    }
}

/// A client that takes nothing would leave all that waits for it in the kernel, where
/// nothing counts it any more.
impl<S: Socket> Drop for Watched<S> {
    fn drop(&mut self) {
        if self.watch.stalled_for() >= limits::STALL_TIME {
            self.stream.reset_on_close(true);
        }
    }
}
