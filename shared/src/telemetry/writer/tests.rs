use super::*;
use std::sync::Condvar;

/// A pipe whose reader may pause, or a disk that may be full.
#[derive(Clone, Default)]
struct Out(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    written: Vec<u8>,
    rests: bool,
    /// The bytes for which there is room, if that is limited.
    room: Option<usize>,
    /// How often there was no room.
    refused: usize,
}

impl Out {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().written.clone()).unwrap()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock().unwrap();
        while state.rests {
            state = self.0.1.wait(state).unwrap();
        }
        let len = state.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        if len == 0 {
            state.refused += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.room = state.room.map(|room| room - len);
        state.written.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn until(out: &Out, words: &str) {
    let began = std::time::Instant::now();
    while !out.text().contains(words) {
        assert!(began.elapsed() < Duration::from_secs(30), "no {words:?} in {:?}", out.text());
        std::thread::yield_now();
    }
}

/// A log of so many bytes that wait.
fn log(out: &Out, format: LogFormat, bytes: usize) -> LogQueue {
    let queue = LogQueue::new(bytes);
    Writer::new(out.clone(), format, None, queue.lost()).start(queue.lines()).unwrap();
    queue
}

fn end(queue: &LogQueue) {
    queue.finish(Instant::now() + Duration::from_secs(30));
}

#[test]
fn a_reader_that_rests_holds_up_nobody_and_is_told_what_it_has_missed() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let out = Out::default();
        out.set(|state| state.rests = true);
        let mut queue = log(&out, format, 75);
        for number in 0..100 {
            queue.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        out.set(|state| state.rests = false);
        until(&out, "line 9\n");
        // Those that were being written make room when they have been.
        while !out.text().contains("afterwards") {
            queue.write_all(b"afterwards\n").unwrap();
            std::thread::yield_now();
        }
        end(&queue);
        let text = out.text();
        let lines: Vec<&str> = text.lines().collect();
        let told: Vec<&&str> = lines.iter().filter(|line| line.contains("were lost")).collect();
        let written = lines.iter().filter(|line| line.starts_with("line ")).count();
        assert!(!told.is_empty() && written == 10, "{text}");
        match format {
            // They may be reported in two parts, if the queue was full during the report.
            LogFormat::Text => assert!(told[0].contains(" WARN ") && told[0].contains("lines="), "{text}"),
            LogFormat::Json => {
                let count = told.iter().map(|line| {
                    let object: serde_json::Value = serde_json::from_str(line).unwrap();
                    object["fields"]["lines"].as_u64().unwrap()
                });
                assert!(count.sum::<u64>() >= 90, "{text}");
            }
        }
    }
}

#[test]
fn a_full_disk_loses_lines_and_says_how_many_once_there_is_room() {
    let out = Out::default();
    let mut queue = log(&out, LogFormat::Text, 10_000);
    queue.write_all(b"first\n").unwrap();
    until(&out, "first\n");
    out.set(|state| state.room = Some(3));
    // The first one is tried once, each of the others together with the report of those before it.
    for refused in [1, 3, 5, 7, 9] {
        queue.write_all(b"lost\n").unwrap();
        while out.0.0.lock().unwrap().refused < refused {
            std::thread::yield_now();
        }
    }
    out.set(|state| state.room = None);
    queue.write_all(b"last\n").unwrap();
    until(&out, "last\n");
    end(&queue);
    let text = out.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines[1], lines[lines.len() - 1]), ("first", "los", "last"), "{text}");
    assert!(lines[2].contains("lines of this log were lost"), "{text}");
    let told = lines.iter().find(|line| line.contains("lines=5"));
    assert!(told.is_some_and(|line| line.contains("why=")), "{text}");
}

#[test]
fn what_is_queued_is_written_at_the_end() {
    let out = Out::default();
    let mut queue = log(&out, LogFormat::Text, 100_000);
    for number in 0..1000 {
        queue.write_all(format!("line {number}\n").as_bytes()).unwrap();
    }
    end(&queue);
    assert_eq!(out.text().lines().count(), 1000);
}

/// Answers the first writes with these results, and takes everything of later ones.
struct Odd(Vec<io::Result<usize>>, Vec<u8>);

impl Write for Odd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = if self.0.is_empty() { bytes.len() } else { self.0.remove(0)? };
        self.1.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn writer(odd: Vec<io::Result<usize>>) -> Writer<Odd> {
    Writer::new(Odd(odd, Vec::new()), LogFormat::Text, None, Arc::default())
}

#[test]
fn a_line_that_was_cut_is_ended_before_the_next_one_however_that_is_taken() {
    let full = || Err(io::ErrorKind::StorageFull.into());
    let interrupted = || Err(io::ErrorKind::Interrupted.into());
    // Three bytes of a line, and then its end after an interruption.
    let mut writer_of_two = writer(vec![Ok(3), full(), interrupted(), Ok(1), interrupted()]);
    assert!(writer_of_two.put(b"first\n").is_err());
    writer_of_two.put(b"second\n").unwrap();
    assert_eq!(writer_of_two.out.1, b"fir\nsecond\n");
    // A writer that takes nothing must not be tried for ever.
    let mut stuck = writer(vec![Ok(3), full(), Ok(0)]);
    assert!(stuck.put(b"first\n").is_err());
    assert_eq!(stuck.put(b"second\n").unwrap_err().0.kind(), io::ErrorKind::WriteZero);
    stuck.put(b"third\n").unwrap();
    assert_eq!(stuck.out.1, b"fir\nthird\n");
}

#[test]
fn a_disk_that_flaps_is_told_of_once_a_minute() {
    let mut writer = writer(Vec::new());
    let began = Instant::now();
    let told = (0..180).filter(|second| writer.may_complain(began + Duration::from_secs(*second))).count();
    assert_eq!(told, 3);
}

#[test]
fn of_lines_that_are_written_together_those_are_lost_that_were_not_written_whole() {
    let full = || Err(io::ErrorKind::StorageFull.into());
    let lost = |writer: &mut Writer<Odd>| writer.put(b"first\nsecond\nthird\n").unwrap_err().1;
    let mut in_a_line = writer(vec![Ok(9), full()]);
    assert_eq!(lost(&mut in_a_line), 2);
    in_a_line.put(b"next\n").unwrap();
    assert_eq!(in_a_line.out.1, b"first\nsec\nnext\n");
    let mut between = writer(vec![Ok(6), full()]);
    assert_eq!(lost(&mut between), 2);
    between.put(b"next\n").unwrap();
    assert_eq!(between.out.1, b"first\nnext\n");
    // The end of a line that was cut before is not one of them.
    let mut again = writer(vec![Ok(3), full(), Ok(1), full()]);
    assert_eq!(lost(&mut again), 3);
    assert_eq!(lost(&mut again), 3);
    again.put(b"next\n").unwrap();
    assert_eq!(again.out.1, b"fir\nnext\n");
}
