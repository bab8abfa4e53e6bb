//! Memory that many clients needed is given back once most of them are gone: the allocator keeps
//! what is freed.

/// Connections of a thread whose memory is not worth giving back.
const FEW: usize = 64;

/// The most connections that a thread had since memory was given back last.
#[derive(Debug, Default)]
pub struct Peak(usize);

impl Peak {
    /// Whether it has passed, now that so many are left: half of them are gone.
    pub fn has_passed(&mut self, connections: usize) -> bool {
        self.0 = self.0.max(connections);
        let has_passed = self.0 >= FEW && connections <= self.0 / 2;
        if has_passed {
            self.0 = connections;
        }
        has_passed
    }
}

/// Gives back what nobody uses, after `before`, which frees what the program itself keeps. It
/// takes milliseconds, so a thread of its own does it, which lives as long as that takes.
pub fn give_back(before: impl FnOnce() + Send + 'static) {
    let work = move || {
        before();
        trim();
    };
    if let Err(error) = std::thread::Builder::new().name("backscroll-trim".to_owned()).spawn(work) {
        tracing::warn!(%error, "memory is not given back: no thread could be started for that");
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "there is no safe way to the allocator of the C library")]
fn trim() {
    // SAFETY: it may be called from any thread at any time; it only gives free pages back.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators give back by themselves.
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
