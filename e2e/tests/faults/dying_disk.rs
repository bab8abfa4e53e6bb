//! F5: a disk that dies while it is read: ext4 on a loop device.

use crate::support::{curl, line, lines, primary, run, secondary, skipped, until};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const LINES: u64 = 1 << 20;

/// A file system in a file. Dropping it unmounts it, which frees the loop device.
struct Image {
    mount: PathBuf,
    dir: TempDir,
}

impl Image {
    fn new(content: &[u8]) -> Result<Image, String> {
        let dir = tempfile::tempdir().unwrap();
        let image = Image { mount: dir.path().join("mount"), dir };
        std::fs::create_dir(&image.mount).unwrap();
        let file = image.file();
        std::fs::File::create(&file).unwrap().set_len(160 << 20).unwrap();
        run(&["mkfs.ext4", "-q", "-F", "-O", "^has_journal", file.to_str().unwrap()])?;
        image.attach()?;
        std::fs::write(image.mount.join("app.log"), content).unwrap();
        // Mounted again, nothing of it is in the page cache.
        image.detach();
        image.attach()?;
        Ok(image)
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    fn attach(&self) -> Result<String, String> {
        run(&["mount", "-o", "loop", self.file().to_str().unwrap(), self.mount.to_str().unwrap()])
    }

    fn detach(&self) {
        let _ = run(&["umount", "--lazy", self.mount.to_str().unwrap()]);
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.detach();
    }
}

/// Makes each read fail at once, as a controller that is gone: the ext4 call to shut down.
fn shut_down(image: &Image) {
    let script = r#"open(my $dir, "<", $ARGV[0]) or die $!; my $how = pack("I", 2); ioctl($dir, 0x8004587d, $how) or die $!"#;
    run(&["perl", "-e", script, image.mount.to_str().unwrap()]).unwrap();
}

/// Takes the disk away below the file system: reads of what is not cached fail.
fn pull_out(image: &Image) {
    std::fs::OpenOptions::new().write(true).open(image.file()).unwrap().set_len(0).unwrap();
}

/// A curl that has read so much, and waits.
fn in_the_middle(url: &str, flags: &[&str], fields: &Path, kill: impl FnOnce()) -> (i32, Vec<u8>, String) {
    let mut child = Command::new("curl")
        .args(["-s", "--max-time", "60", "-D", fields.to_str().unwrap()])
        .args(flags)
        .arg(url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = vec![0; 1 << 20];
    let mut from = child.stdout.take().unwrap();
    from.read_exact(&mut out).unwrap();
    kill();
    from.read_to_end(&mut out).unwrap();
    let fields = std::fs::read_to_string(fields).unwrap().to_ascii_lowercase();
    (child.wait().unwrap().code().unwrap(), out, fields)
}

/// F5. Two ways to die × two engines × secondary and primary × with and without trailers.
#[test]
#[ignore = "needs root and a loop device: run by .ci/faults"]
fn f5_a_disk_that_dies_mid_stream_is_told_and_others_are_served() {
    let content = lines(LINES);
    let healthy = tempfile::tempdir().unwrap();
    std::fs::write(healthy.path().join("app.log"), &content[..64 * 1000]).unwrap();
    let deaths = [("shut down", shut_down as fn(&Image)), ("pulled out", pull_out)];
    let mut cases = 0;
    for (how, kill) in deaths {
        for io in ["uring", "threads"] {
            for (through_primary, trailers) in [(false, false), (false, true), (true, false), (true, true)] {
                let image = match Image::new(&content) {
                    Ok(image) => image,
                    Err(why) => return skipped(&format!("no file system can be mounted from a file: {why}")),
                };
                let extra = format!("disk={}", image.mount.display());
                let host = secondary(healthy.path(), "s1", &["--io", io, "--extra-log-dir", &extra]);
                let primary = primary(&[("s1", host.listen)], &[]);
                let (address, of) =
                    if through_primary { (primary.listen, "&hostname=s1") } else { (host.listen, "") };
                let url = format!("http://{address}/logs?filename=disk/app.log{of}");
                let flags: &[&str] = if trailers { &["-H", "TE: trailers"] } else { &[] };
                let dir = tempfile::tempdir().unwrap();
                let (exit, out, fields) =
                    in_the_middle(&url, flags, &dir.path().join("fields"), || kill(&image));
                let what = format!("{how}, {io}, {url}, exit {exit}: {fields}");
                if trailers {
                    assert!(exit == 0 && fields.contains("log-status: failed"), "{what}");
                    assert!(fields.contains("log-error: io_error"), "{what}");
                } else {
                    assert_eq!(exit, 18, "{what}");
                }
                let whole = out.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let wanted: String = (0..LINES).rev().take(whole / 64).map(line).collect();
                assert!(out[..whole] == *wanted.as_bytes(), "{what}: only lines of the file");
                for _ in 0..5 {
                    let got = curl(host.listen, "/logs?filename=app.log&n=1", &["-f"]);
                    assert_eq!((got.exit, got.text()), (0, line(999).as_str()), "{what}: others are served");
                }
                until("it is told for later requests too", || {
                    let got = curl(
                        address,
                        &format!("/logs?filename=disk/app.log&keyword=absent{of}"),
                        &["-H", "TE: trailers"],
                    );
                    got.status >= 500 || got.fields.contains("log-status: failed") || got.status == 404
                });
                cases += 1;
            }
        }
    }
    eprintln!("F5: {cases} answers");
}
