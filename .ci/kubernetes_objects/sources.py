"""What the objects have to agree with, read from the sources: no build is needed."""

import os
import re

PROFILE_SOURCE = "deploy/seccomp-io-uring.json"
PRIMARY = "backscroll-primary"
SECONDARY = "backscroll-secondary"
PROGRAMS = (PRIMARY, SECONDARY)


class Sources:
    def __init__(self, root):
        def read(path):
            with open(os.path.join(root, path), encoding="utf-8") as file:
                return file.read()

        def variables(folder):
            found = set()
            for place, _, names in os.walk(os.path.join(root, folder, "src")):
                for name in names:
                    if name.endswith(".rs"):
                        found |= set(re.findall(r'env = "(\w+)"', read(os.path.join(place, name))))
            return found

        shared = variables("shared")
        self.variables = {
            program: shared | variables(program.removeprefix("backscroll-")) for program in PROGRAMS
        }
        self.version = re.search(r'^version = "(.+)"', read("Cargo.toml"), re.M)[1]
        drain = r"DRAIN_TIME: Duration = Duration::from_secs\((\d+)\)"
        self.drain_seconds = int(re.search(drain, read("shared/src/limits.rs"))[1])
        self.profile = read(PROFILE_SOURCE)
