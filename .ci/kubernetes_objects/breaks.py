"""One way to break each promise: where (kind and name), the path there, the new value or DELETE,
and a part of what has to be said about it. A rendering with the installer is broken. A part of a
path that is no number is a key, or the name of an item of a list; a ~ stands for the slash in a
label's name."""

import copy

from breaks_of_network import NETWORK
from breaks_of_pods import PODS
from places import (
    ASKER,
    BUDGET,
    DELETE,
    POD,
    PRIMARY,
    PRIORITY,
    READER,
    ROLE,
    SECONDARIES,
    SECONDARY,
)

BREAKS = PODS + NETWORK
# Where the expected hosts come from no API server.
FIXED_BREAKS = [
    (PRIMARY, ASKER + "env/BACKSCROLL_EXPECTED_COUNT", DELETE, "a node that is gone would not be missed"),
    (PRIMARY, ASKER + "env/BACKSCROLL_EXPECTED_COUNT/name", "BACKSCROLL_EXPECTED_FILE",
     "a node that is gone would not be missed"),
    (PRIMARY, POD + "serviceAccountName", DELETE, "the primaries' account is None, and not default"),
    (PRIMARY, POD + "serviceAccountName", "backscroll-primary",
     "the primaries' account is backscroll-primary, and not default"),
    (BUDGET, "kind", "ServiceAccount", "ServiceAccount backscroll-primary: is of no use"),
]
# What a schema alone has to notice.
SCHEMA_BREAKS = [
    (SECONDARY, READER + "securityContext/readOnlyRootFileSystem", True),
    (PRIMARY, POD + "terminationGracePeriodSeconds", "30"),
    (SECONDARIES, "spec/publishNotReady", True),
    (PRIORITY, "priority", 1),
    (ROLE, "rules/0/verb", "list"),
]


def broken(objects, change):
    (kind, name), path, value, *_ = change
    objects = copy.deepcopy(objects)
    [place] = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    parts = [part.replace("~", "/") for part in path.split("/")]
    for part in parts[:-1]:
        place = place[position(place, part)]
    last = position(place, parts[-1])
    if value is DELETE:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return objects


def position(place, part):
    if not isinstance(place, list):
        return part
    if part.isdigit():
        return int(part)
    [found] = [i for i, item in enumerate(place) if item["name"] == part]
    return found
