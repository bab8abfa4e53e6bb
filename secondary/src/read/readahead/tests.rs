use super::super::crew::{BATCHES_AHEAD, Crew};
use super::super::uring::Uring;
use super::super::{Ended, Engine as _};
use super::*;

/// Counts the bytes of a block.
#[derive(Debug, Clone)]
struct Count;

impl BlockTask for Count {
    type Finding = usize;

    fn look_at(&self, _: Span, block: &[u8]) -> usize {
        block.len()
    }
}

#[test]
fn helpers_that_have_left_do_not_make_the_queue_grow() {
    const SIZE: usize = 64 << 20;
    let mut file = tempfile::tempfile().unwrap();
    // Written, and so in the page cache: what is cold is handed to nobody.
    std::io::Write::write_all(&mut file, &vec![b'x'; SIZE]).unwrap();
    let ended = Uring.block_on(async {
        let admissions: Vec<Arc<Admission>> = vec![Arc::default(), Arc::default()];
        let (crew, batches) = Crew::new(&admissions);
        drop(batches);
        let file = Uring.adopt(file.into());
        let fd = file.shared().unwrap();
        let help = Help::new(Arc::new(crew), 0, fd, Count);
        let plan = ReadPlan::new(Window::whole(SIZE as u64));
        let pool = Pool::new(32);
        let mut readahead =
            Readahead::new(file, plan, pool, Arc::clone(&admissions[0])).with_help(Some(help));
        let mut longest = 0;
        while readahead.next().await.unwrap().is_some() {
            longest = longest.max(readahead.queue.len());
        }
        assert!(longest > BATCH_BLOCKS, "batches were offered: {longest}");
        assert!(longest <= 2 * BATCH_BLOCKS * (BATCHES_AHEAD + 1), "{longest}");
        Ended::Clean
    });
    assert_eq!(ended.unwrap(), Ended::Clean);
}
