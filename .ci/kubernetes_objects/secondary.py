"""What is promised of the secondary's container alone."""

import os

from rendering import variables_of
from sources import PROFILE_SOURCE

LOGS = "/var/log"


def secondary_promises(r, spec, volumes):
    container = spec["containers"][0]
    environment = variables_of({"spec": spec})
    own = container["securityContext"].get("seccompProfile")
    uring = {"type": "Localhost", "localhostProfile": f"backscroll/{os.path.basename(PROFILE_SOURCE)}"}
    # With auto too: without the profile io_uring would be refused on every node.
    wanted = {"auto": uring, "uring": uring, "threads": {"type": "RuntimeDefault"}}
    engine = environment.get("BACKSCROLL_IO")
    if own != wanted.get(engine):
        yield f"its seccomp profile is not the one for BACKSCROLL_IO={engine}"
    # A node that cannot do io_uring would be a pod that crashes again and again.
    if engine == "uring" and not r.is_example("uring"):
        yield "it does not start where io_uring is refused"
    # `kubernetes-hosts` expects hosts under the names of their nodes.
    names = [e.get("valueFrom") for e in container["env"] if e["name"] == "BACKSCROLL_HOSTNAME"]
    if [((n or {}).get("fieldRef") or {}).get("fieldPath") for n in names] != ["spec.nodeName"]:
        yield "its host is not called what the node is called"

    # The folder of the node, where it is mounted, and where the program looks. On Autopilot only a
    # part of it may be mounted.
    part = "/pods" if r.is_example("autopilot") else ""
    folder = "/logs" if part else LOGS
    if environment.get("BACKSCROLL_LOG_DIR") != folder:
        yield f"it reads {environment.get('BACKSCROLL_LOG_DIR')}, and not {folder}"
    mounted = {
        volumes.get(m["name"], {}).get("hostPath", {}).get("path")
        for m in container["volumeMounts"]
        if m["mountPath"] == folder + part
    }
    if mounted != {LOGS + part}:
        yield f"{LOGS + part} of the node is not at {folder + part}"

    # Else it is the first to be evicted when its node is short of memory.
    resources = container["resources"]
    if resources["requests"]["memory"] != resources["limits"].get("memory"):
        yield "its request of memory is not its limit"
    if "cpu" in resources["limits"]:
        yield "a limit of CPU time stops it in the middle of an answer"
