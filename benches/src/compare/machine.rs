//! Describes the machine, without its name and the paths of its files.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;

/// The machine that ran the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The model of the processor.
    pub cpu: String,
    /// The cores that this process may use.
    pub cores: usize,
    /// The memory, in GiB.
    pub memory_gib: u64,
    /// The kernel version, as `MAJOR.MINOR`.
    pub linux: String,
    /// The file system of the logs.
    pub file_system: String,
    /// The other programs, and their versions.
    pub tools: Vec<Tool>,
}

/// A program to compare with, or one that measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version, as it prints it. `None` if it is not installed.
    pub version: Option<String>,
}

/// The programs, and the argument with which each prints its version.
const TOOLS: &[(&str, &str)] = &[
    ("curl", "--version"),
    ("rg", "--version"),
    ("grep", "--version"),
    ("tac", "--version"),
    ("nginx", "-v"),
    ("fio", "--version"),
    ("fincore", "--version"),
];

impl Machine {
    /// Examines this machine. `dir` is the folder of the logs.
    pub fn look(dir: &Path) -> Machine {
        let proc = |name: &str| std::fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split(':').nth(1)).map_or_else(String::new, |v| v.trim().to_owned())
        };
        let kib = field(&proc("meminfo"), "MemTotal");
        let kib = kib.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
        let release = proc("sys/kernel/osrelease");
        Machine {
            cpu: field(&proc("cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (kib + (1 << 19)) >> 20,
            linux: release.split('.').take(2).collect::<Vec<_>>().join("."),
            file_system: file_system(dir, &proc("self/mountinfo")),
            tools: TOOLS.iter().map(|(name, flag)| tool(name, flag)).collect(),
        }
    }

    /// Whether a tool is installed.
    pub fn has(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.name == name && tool.version.is_some())
    }

    /// A part of a file name: the processor's model and the number of cores.
    pub fn slug(&self) -> String {
        let words = self.cpu.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let model: Vec<_> = words.map(str::to_ascii_lowercase).collect();
        let model = if model.is_empty() { "unknown-cpu".to_owned() } else { model.join("-") };
        format!("{model}-{}-cores", self.cores)
    }
}

fn tool(name: &str, flag: &str) -> Tool {
    let output = Command::new(name).arg(flag).output().ok();
    let version = output.map(|output| {
        // nginx prints it to standard error.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let first = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
        // curl and ripgrep also print how they were built.
        let cut = first.split(" (x86").next().and_then(|first| first.split(" (aarch").next());
        cut.and_then(|first| first.split(" -").next()).unwrap_or_default().trim().to_owned()
    });
    Tool { name: name.to_owned(), version }
}

/// The type of the file system with the longest mount point that `dir` lies below.
fn file_system(dir: &Path, mounts: &str) -> String {
    let dir = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mut found = (0, "unknown");
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let point = left.split(' ').nth(4).unwrap_or_default();
        if dir.starts_with(point) && point.len() >= found.0 {
            found = (point.len(), right.split(' ').next().unwrap_or_default());
        }
    }
    found.1.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_named_by_its_processor_and_cores() {
        let machine = Machine {
            cpu: "AMD EPYC(tm) 7B13 @ 2.4GHz".to_owned(),
            cores: 2,
            memory_gib: 8,
            linux: "6.1".to_owned(),
            file_system: "ext4".to_owned(),
            tools: vec![Tool { name: "rg".to_owned(), version: None }],
        };
        assert_eq!(machine.slug(), "amd-epyc-tm-7b13-2-4ghz-2-cores");
        assert!(!machine.has("rg") && !machine.has("grep"));
        assert_eq!(Machine { cpu: String::new(), ..machine }.slug(), "unknown-cpu-2-cores");
    }

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount_point() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 0:5 / /proc rw - proc proc rw\n";
        assert_eq!(file_system(Path::new("/proc"), mounts), "proc");
        assert_eq!(file_system(Path::new("/usr"), mounts), "ext4");
    }
}
