use super::super::crew::{BATCHES_AHEAD, Crew};
use super::super::uring::Uring;
use super::super::{Ended, Engine as _};
use super::*;

/// Counts the bytes of a block.
#[derive(Debug, Clone)]
struct Count;

impl BlockTask for Count {
    type Finding = usize;
    type Looking = ();

    fn look_at(&self, _: Span, block: &[u8], (): &mut ()) -> Option<usize> {
        Some(block.len())
    }
}

#[test]
fn helpers_that_have_left_do_not_make_the_queue_grow() {
    const SIZE: usize = 64 << 20;
    let mut file = tempfile::tempfile().unwrap();
    // The file is in the page cache because it was just written. Nothing is handed to helpers that
    // has to come from the disk.
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

#[test]
fn a_window_is_read_whole_whether_a_hole_lies_across_its_start_or_not() {
    const DATA: u64 = 3 << 20;
    const SIZE: u64 = DATA + 100_000;
    let mut file = tempfile::tempfile().unwrap();
    file.set_len(DATA).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(DATA)).unwrap();
    std::io::Write::write_all(&mut file, &vec![b'x'; 100_000]).unwrap();
    let ended = Uring.block_on(async {
        for start in [0, 100, 1 << 20, (1 << 20) + 77, DATA - 200_000, DATA - 1, DATA, DATA + 5000] {
            let window = Window { start, end: SIZE };
            let file = Uring.adopt(file.try_clone().unwrap().into());
            let mut readahead = Readahead::new(file, ReadPlan::new(window), Pool::new(16), Arc::default());
            let (mut end, mut bytes) = (SIZE, 0);
            loop {
                let hole = readahead.skip_hole();
                let span = match hole {
                    Some(hole) => hole,
                    None => match readahead.next().await.unwrap() {
                        Some(next) => {
                            bytes += next.block.as_ref().split(|byte| *byte == b'x').count() - 1;
                            next.span
                        }
                        None => break,
                    },
                };
                assert!(span.end() == end && span.len > 0 && span.offset >= start, "{start} {span:?}");
                end = span.offset;
            }
            assert_eq!((end, bytes as u64), (start, SIZE - start.max(DATA)), "from {start}");
        }
        Ended::Clean
    });
    assert_eq!(ended.unwrap(), Ended::Clean);
}
