//! Returns memory to the system once most of many clients have gone. The allocator would keep what
//! was freed.

/// The memory of fewer connections than this is not worth returning.
const FEW: usize = 64;

/// The most connections that a thread has had since memory was last returned.
#[derive(Debug, Default)]
pub struct Peak(usize);

impl Peak {
    /// Whether the peak has passed: at most half of its connections are left. Then a new peak
    /// begins.
    pub fn has_passed(&mut self, connections: usize) -> bool {
        self.0 = self.0.max(connections);
        let has_passed = self.0 >= FEW && connections <= self.0 / 2;
        if has_passed {
            self.0 = connections;
        }
        has_passed
    }
}

/// Calls `before`, which frees what the program keeps for reuse, and then returns free memory to
/// the system. This takes milliseconds, so a new thread does it, and then ends.
pub fn give_back(before: impl FnOnce() + Send + 'static) {
    let work = move || {
        before();
        trim();
    };
    if let Err(error) = std::thread::Builder::new().name("backscroll-trim".to_owned()).spawn(work) {
        tracing::warn!(%error, "memory is not returned to the system: no thread could be started for that");
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "there is no safe way to the allocator of the C library")]
fn trim() {
    // SAFETY: `malloc_trim` may be called from any thread at any time; it only returns free pages.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators return memory by themselves.
#[cfg(not(target_env = "gnu"))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_has_passed_once_half_of_many_are_gone() {
        let mut peak = Peak::default();
        assert!(![1, 40, 0, 63, 0].into_iter().any(|now| peak.has_passed(now)), "they are few");
        assert!(![64, 1000, 900, 501].into_iter().any(|now| peak.has_passed(now)));
        assert!(peak.has_passed(500) && !peak.has_passed(400) && peak.has_passed(250));
        assert!(peak.has_passed(0) && !peak.has_passed(0));
    }

    #[test]
    fn memory_is_given_back_after_what_comes_before() {
        let (tell, told) = std::sync::mpsc::channel();
        give_back(move || tell.send(()).unwrap());
        told.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
    }
}
