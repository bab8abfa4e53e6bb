//! The body of an answer.

use crate::answer::Cut;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::Problem;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{self, Poll};

/// An answer, or the problem that is sent in its place.
pub(super) type Reply = Result<Response<AnswerBody>, Problem>;

/// The body of an answer.
pub(super) enum AnswerBody {
    Whole(Option<Bytes>),
    Streamed(Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Cut>>>>),
}

impl From<Bytes> for AnswerBody {
    fn from(bytes: Bytes) -> AnswerBody {
        AnswerBody::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut *self {
            AnswerBody::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            AnswerBody::Streamed(frames) => frames.as_mut().poll_next(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, AnswerBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            AnswerBody::Streamed(_) => SizeHint::default(),
        }
    }
}

/// An answer whose body is complete. Its length is known.
pub(super) fn whole(content_type: &'static str, body: impl Into<Bytes>) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::from(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers::hardened(response.headers_mut());
    response
}
