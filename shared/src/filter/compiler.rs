//! The thread that compiles patterns. The largest that a query may have take milliseconds, and
//! neither a ring thread nor one that serves connections waits so long.

use super::compiled::Compiled;
use super::conditions::Conditions;
use super::patterns::CompileError;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use tokio::sync::oneshot;

/// Patterns that wait to be compiled, at most.
const QUEUE: usize = 64;

struct Job {
    conditions: Arc<Conditions>,
    reply: oneshot::Sender<Result<Compiled, CompileError>>,
}

/// Whether these conditions are compiled so quickly that the caller's thread may do it: one literal
/// that excludes, beside keywords. Even a short pattern may take 100 µs.
pub(super) fn is_quick(conditions: &Conditions) -> bool {
    let Conditions { keywords: _, regexes, excludes, exclude_regexes, ignore_case } = conditions;
    !ignore_case && regexes.is_empty() && exclude_regexes.is_empty() && excludes.len() <= 1
}

/// Compiles the conditions on the thread for that.
pub(super) async fn compile(conditions: &Arc<Conditions>) -> Result<Compiled, CompileError> {
    let (reply, replied) = oneshot::channel();
    let job = Job { conditions: Arc::clone(conditions), reply };
    jobs().try_send(job).map_err(|_| CompileError::Busy)?;
    replied.await.unwrap_or(Err(CompileError::Busy))
}

/// The queue of the thread, which starts when it is first needed.
fn jobs() -> &'static SyncSender<Job> {
    static JOBS: OnceLock<SyncSender<Job>> = OnceLock::new();
    JOBS.get_or_init(|| {
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let started = thread::Builder::new().name("compile".to_owned()).spawn(move || {
            for Job { conditions, reply } in queue {
                // Whoever has asked may be gone.
                if !reply.is_closed() {
                    let _ = reply.send(Compiled::new(&conditions).map_err(CompileError::from));
                }
            }
        });
        // Without the thread, the queue is closed, and each who asks is told to ask again.
        if let Err(error) = started {
            tracing::warn!("the thread that compiles patterns did not start: {error}");
        }
        jobs
    })
}
