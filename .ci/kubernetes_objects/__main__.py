"""Checks rendered Kubernetes objects: kubernetes_objects ROOT VERSION... -- FILE...

Each FILE is one rendering, and its name says what it was made of. Two parts: the schema of each
VERSION, in which an unknown field is an error, and `promises`, which no schema knows. At the end
each promise is broken on purpose, and each field is taken out or changed: that has to be noticed.
"""

import os
import sys

import yaml

from breaks import BREAKS, FIXED_BREAKS, SCHEMA_BREAKS, broken
from fields import unnoticed_fields
from promises import promises
from rendering import Rendering
from schemas import schema_errors
from sources import Sources

# These are broken on purpose: what has everything that is there without a component, and the
# README's example of a fleet without a token of the API server.
WHOLE = "with-installer"
FIXED = "readme-count"


def main():
    root, *rest = sys.argv[1:]
    split = rest.index("--")
    versions, files = rest[:split], rest[split + 1 :]
    sources = Sources(root)
    failures = 0
    for path in files:
        name = os.path.basename(path).removesuffix(".yaml")
        with open(path, encoding="utf-8") as file:
            objects = [o for o in yaml.safe_load_all(file) if o]
        errors = list(promises(Rendering(objects, name), sources))
        errors += [e for o in objects for version in versions for e in schema_errors(o, version)]
        for error in errors:
            print(f"{name}: {error}", file=sys.stderr)
        failures += len(errors)
        print(f"{name}: {len(objects)} objects, {len(errors)} errors")
        if name == WHOLE and not errors:
            failures += unnoticed(objects, BREAKS, sources) + unnoticed_by_schemas(objects, versions)
            unnoticed_at_all = list(unnoticed_fields(objects, name, sources))
            for error in unnoticed_at_all:
                print(error, file=sys.stderr)
            failures += len(unnoticed_at_all)
        if name == FIXED and not errors:
            failures += unnoticed(objects, FIXED_BREAKS, sources)
    sys.exit(1 if failures else 0)


def unnoticed(objects, changes, sources):
    """How many changes for the worse nobody notices, or only for another reason."""
    missed = []
    for change in changes:
        said = list(promises(Rendering(broken(objects, change)), sources))
        if not any(change[3] in line for line in said):
            missed.append(change)
    return say(changes, missed)


def unnoticed_by_schemas(objects, versions):
    changes = [(change, version) for change in SCHEMA_BREAKS for version in versions]
    missed = []
    for change, version in changes:
        if not [e for o in broken(objects, change) for e in schema_errors(o, version)]:
            missed.append(change)
    return say(changes, missed)


def say(changes, missed):
    for (kind, name), place, value, *wanted in missed:
        print(f"nobody says {wanted} of {kind} {name}: {place} = {value}", file=sys.stderr)
    print(f"{len(changes)} changes for the worse, {len(missed)} unnoticed")
    return len(missed)


main()
