"""What is promised of each container."""

import os

from api_access import SIDECARS
from rendering import init_containers
from sources import PRIMARY, PROFILE_SOURCE, PROGRAMS, SECONDARY

INSTALLER = "install-seccomp-profile"
PROFILE_ROOT = "/var/lib/kubelet/seccomp"
# Patient with a program that works: a minute of silence, and not a moment.
PROBES = {
    "livenessProbe": {"path": "/healthz", "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
    "readinessProbe": {"path": "/readyz", "periodSeconds": 5, "timeoutSeconds": 5},
}
# A field that nobody has thought about is an error: `command` or `envFrom` would change what runs.
FIELDS = {"image", "name", "resources", "securityContext", "volumeMounts"}
MAY_HAVE = {
    "secondary": {"env", "ports", *PROBES},
    "primary": {"env", "ports", "lifecycle", *PROBES},
    INSTALLER: {"command"},
    **dict.fromkeys(SIDECARS, {"args"}),
}
MOUNT_FIELDS = {"mountPath", "name", "readOnly", "recursiveReadOnly"}
CONFINED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
DEFAULT_PROFILE = {"type": "RuntimeDefault"}


def container_promises(program, container, r, sources):
    name = container["name"]
    for field in sorted(set(container) - FIELDS - MAY_HAVE.get(name, set())):
        yield f"has {field}, which was not promised"
    for mount in container.get("volumeMounts", []):
        for field in sorted(set(mount) - MOUNT_FIELDS):
            yield f"{mount['mountPath']} has {field}, which was not promised"
    yield from security_promises(program, container)
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "takes a port of the node, past the network policies"
    if any(port.get("protocol", "TCP") != "TCP" for port in container.get("ports", [])):
        yield "has a port that is not TCP"
    yield from image_promises(program, container, r, sources)
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
        yield "has no requests, or no limit of memory"
    if name == INSTALLER or name in SIDECARS:
        return
    for name, wanted in PROBES.items():
        probe = dict(container.get(name, {}))
        get = probe.pop("httpGet", {})
        if {"path": get.get("path"), **probe} != wanted:
            yield f"{name} asks for {get.get('path')}, with {probe}"
        if set(get) != {"path", "port"} or get["port"] != "health":
            yield f"{name} asks at port {get.get('port')}, with {get}"
    hook = container.get("lifecycle")
    pause = (hook or {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if program == PRIMARY and (hook != {"preStop": {"sleep": {"seconds": pause}}} or pause < 1):
        yield "stops while nodes still send connections"


def security_promises(program, container):
    security = dict(container.get("securityContext", {}))
    wanted = dict(CONFINED)
    if container["name"] == INSTALLER:
        wanted |= {"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0}
    profile = security.pop("seccompProfile", DEFAULT_PROFILE)
    # The secondary's own is another matter: it depends on the engine.
    if (program, container["name"]) != (SECONDARY, "secondary") and profile != DEFAULT_PROFILE:
        yield f"its seccomp profile is {profile}"
    for field in sorted({*security, *wanted}):
        if security.get(field) != wanted.get(field):
            yield f"its {field} is {security.get(field)}, and not {wanted.get(field)}"


def image_promises(program, container, r, sources):
    image, _, tag = container["image"].rpartition(":")
    if not image or tag in ("", "latest"):
        yield f'{container["image"]} has no fixed tag'
    if image in PROGRAMS and (image, tag) != (program, sources.version):
        yield f'{container["image"]} is not {program}:{sources.version}'
    # Ours are in nobody's registry. Another short name is one that CRI-O may refuse.
    if image not in PROGRAMS and "." not in image.partition("/")[0]:
        yield f'{container["image"]} names no registry'


def installer_promises(r, spec, volumes, sources):
    """Places the profile, as a whole, where the node's kubelet looks for it."""
    profiles = {v["configMap"]["name"]: n for n, v in volumes.items() if "configMap" in v}
    maps = {o["metadata"]["name"]: o for o in r.of("ConfigMap")}
    if set(profiles) - set(maps):
        yield f"there is no ConfigMap {set(profiles) - set(maps)}"
    found = [c for c in init_containers(spec) if c["name"] == INSTALLER]
    if not maps and not found:
        return
    if len(found) != 1:
        yield "nothing installs the profile"
        return
    name = os.path.basename(PROFILE_SOURCE)
    for config in set(profiles) & set(maps):
        if maps[config]["data"] != {name: sources.profile}:
            yield f"the profile in {config} is not {PROFILE_SOURCE}"
    places = {m["name"]: m["mountPath"] for m in found[0].get("volumeMounts", [])}
    of_map = [places[volume] for volume in profiles.values() if volume in places]
    of_node = [p for v, p in places.items() if volumes.get(v, {}).get("hostPath", {}).get("path") == profile_folder(r)]
    copies = [
        ["sh", "-c", f"cp {a}/{name} {b}/.new && mv {b}/.new {b}/{name}"] for a in of_map for b in of_node
    ]
    if [found[0].get("command")] != copies:
        yield f"the profile is not copied: {found[0].get('command')}"


def profile_folder(r):
    root = "/var/lib/k0s/kubelet/seccomp" if r.is_example("kubelet-folder") else PROFILE_ROOT
    return f"{root}/backscroll"
