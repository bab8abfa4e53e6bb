"""Takes out and changes each field of a rendering. All of that has to be noticed, but for FREE."""

import copy
import re

from promises import promises
from rendering import Rendering, title

# What may be otherwise: Kind/path. An item of a list has its name there, or nothing.
FREE = [
    # Names that nothing refers to, and texts.
    r"(RoleBinding|NetworkPolicy|PodDisruptionBudget)/metadata/name",
    r"Service/spec/ports/http/name",
    r"\w+/(spec/template/)?metadata/labels/app\.kubernetes\.io/part-of",
    r"\w+/metadata/labels(/app\.kubernetes\.io/(name|instance))?",
    r"Namespace/metadata/labels/pod-security\.kubernetes\.io/(audit|warn)",
    r"Secret/(type|data/.*)",
    r"PriorityClass/(description|globalDefault)",
    # Amounts, as long as they are there.
    r"PriorityClass/value",
    r"Deployment/spec/replicas",
    r"\w+/spec/template/spec/\w+/[\w-]+/resources/(requests|limits)/\w+",
    r"\w+/spec/template/spec/terminationGracePeriodSeconds",
    r"Deployment/spec/template/spec/containers/primary/lifecycle/preStop/sleep/seconds",
    r"Deployment/spec/template/spec/volumes/expected/emptyDir/sizeLimit",
    r"DaemonSet/spec/template/spec/containers/secondary/env/BACKSCROLL_THREADS(/value)?",
    r"DaemonSet/spec/template/spec/initContainers/install-seccomp-profile/image",
    # What is so by default.
    r"NetworkPolicy/spec/(in|e)gress/ports/protocol",
    r"NetworkPolicy/spec/egress",
    r"DaemonSet/spec/template/spec/initContainers/install-seccomp-profile/securityContext/seccompProfile",
]


def unnoticed_fields(objects, name, sources):
    """What nobody notices, and what is free for no reason."""
    used = set()
    for at, original in enumerate(objects):
        for path in paths(original):
            for value in changes(place(original, path)):
                changed = copy.copy(objects)
                changed[at] = copy.deepcopy(original)
                parent = place(changed[at], path[:-1])
                if value is None:
                    del parent[path[-1]]
                else:
                    parent[path[-1]] = value
                if noticed(changed, name, sources):
                    continue
                label = "/".join([original["kind"], *words(original, path)])
                free = [pattern for pattern in FREE if re.fullmatch(pattern, label)]
                used |= set(free)
                if not free:
                    yield f"nobody notices {title(original)}: {label} = {value}"
    for pattern in FREE:
        if pattern not in used:
            yield f"it is not needed that {pattern} is free"


def noticed(objects, name, sources):
    try:
        return bool(list(promises(Rendering(objects, name), sources)))
    # What cannot even be read stops the check.
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return True


def paths(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        # Schemas know these.
        if path or key not in ("apiVersion", "kind"):
            yield (*path, key)
            yield from paths(item, (*path, key))


def place(value, path):
    for key in path:
        value = value[key]
    return value


def changes(value):
    """Gone, and another one."""
    yield None
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 7
    elif isinstance(value, str):
        yield value + "x"


def words(value, path):
    for key in path:
        value = value[key]
        if isinstance(key, str):
            yield key
        elif isinstance(value, dict) and "name" in value:
            yield value["name"]
