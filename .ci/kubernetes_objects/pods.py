"""What is promised of the pods as a whole."""

from api_access import SIDECARS
from containers import DEFAULT_PROFILE, INSTALLER, container_promises, installer_promises, profile_folder
from placement import placement_promises
from rendering import containers_of, ports, variables_of
from secondary import secondary_promises
from sources import PRIMARY, SECONDARY

UID = 10001
# A field that nobody has thought about is an error.
FIELDS = {
    *("affinity", "automountServiceAccountToken", "containers", "enableServiceLinks", "initContainers"),
    *("nodeSelector", "priorityClassName", "securityContext", "terminationGracePeriodSeconds", "volumes"),
}
MAY_HAVE = {PRIMARY: {"serviceAccountName", "topologySpreadConstraints"}, SECONDARY: {"tolerations"}}
NAMES = {PRIMARY: "primary", SECONDARY: "secondary"}
# Pod Security's level "restricted" allows these, and they are all that we use.
VOLUMES_OF_PRIMARY = {"emptyDir", "projected", "secret"}
LOGS = "/var/log"


def pod_promises(program, r, sources):
    pod = r.pod(program)
    spec = pod["spec"]
    allowed = FIELDS | MAY_HAVE[program]
    if r.is_example("pull-secret"):
        allowed.add("imagePullSecrets")
    for field in sorted(set(spec) - allowed):
        yield f"has {field}, which was not promised"
    for field in ("automountServiceAccountToken", "enableServiceLinks"):
        if spec.get(field) is not False:
            yield f"{field} is not false"
    yield from user_promises(program, r, spec)
    names = [c["name"] for c in spec["containers"] if c["name"] not in SIDECARS]
    if names != [NAMES[program]]:
        yield f"its containers are {names}"

    volumes = {v["name"]: v for v in spec.get("volumes", [])}
    yield from volume_promises(program, r, spec, volumes)
    pause = 0
    for container in containers_of(pod):
        for line in container_promises(program, container, r, sources):
            yield f"container {container['name']}: {line}"
        hook = container.get("lifecycle", {}).get("preStop", {})
        pause = max(pause, hook.get("sleep", {}).get("seconds", 0))
    if spec.get("terminationGracePeriodSeconds", 30) < pause + sources.drain_seconds + 2:
        yield "is killed before it has drained"

    yield from environment_promises(program, r, volumes, sources)
    yield from placement_promises(program, r, spec)
    if program == SECONDARY:
        yield from installer_promises(r, spec, volumes, sources)
        yield from secondary_promises(r, spec, volumes)


def user_promises(program, r, spec):
    as_root = r.allows("read-as-root") and program == SECONDARY
    user = 0 if as_root else UID
    wanted = {
        "runAsNonRoot": not as_root,
        "runAsUser": user,
        "runAsGroup": user,
        # A profile that is missing must not keep the sandbox, and so the pod's address, from being.
        "seccompProfile": DEFAULT_PROFILE,
    }
    if program == SECONDARY:
        wanted["supplementalGroups"] = [4] + ([0] if group_root(r) else [])
    security = spec["securityContext"]
    for field in sorted({*security, *wanted}):
        if security.get(field) != wanted.get(field):
            yield f"the pod's {field} is {security.get(field)}, and not {wanted.get(field)}"


def group_root(r):
    """These have the component, or are the example that does."""
    return r.allows("read-as-group-root") or r.is_example("whole-0") or r.is_example("autopilot")


def volume_promises(program, r, spec, volumes):
    # What of the node may be mounted. Without a type it may be anything.
    types = {LOGS: "Directory", profile_folder(r): "DirectoryOrCreate"} if program == SECONDARY else {}
    if r.allows("extra-log-dir"):
        types["/srv/log"] = "Directory"
    if r.allows("host-time-zone"):
        types["/etc/localtime"] = "File"
    if r.is_example("autopilot"):
        types["/var/log/pods"] = "Directory"
    for volume in volumes.values():
        if "hostPath" in volume:
            path, kind = volume["hostPath"]["path"], volume["hostPath"].get("type")
            if path not in types or types[path] != kind:
                yield f"hostPath {path} of the type {kind}: was not promised"
        if program == PRIMARY and not VOLUMES_OF_PRIMARY & set(volume):
            yield f'volume {volume["name"]}: the primary needs none of its kind'
        empty = volume.get("emptyDir")
        if empty is not None and (empty.get("medium"), "sizeLimit" in empty) != ("Memory", True):
            yield f'volume {volume["name"]}: is not in memory, or has no limit'
    used = set()
    for container in containers_of({"spec": spec}):
        label = f'container {container["name"]}'
        for mount in container.get("volumeMounts", []):
            used.add(mount["name"])
            volume = volumes.get(mount["name"])
            if volume is None:
                yield f'{label}: mounts {mount["name"]}, which is no volume'
                continue
            of_profiles = volume.get("hostPath", {}).get("path") == profile_folder(r)
            if of_profiles and container["name"] != INSTALLER:
                yield f'{label}: mounts the profiles of the node'
            # Else what is mounted below it can be written.
            if volume.get("hostPath", {}).get("type") == "Directory" and mount.get("recursiveReadOnly") != "IfPossible":
                yield f'{label}: {mount["mountPath"]} is not read-only as a whole'
            if mount.get("readOnly") is not True:
                of_installer = of_profiles and container["name"] == INSTALLER
                if not of_installer and not (container["name"] in SIDECARS and "emptyDir" in volume):
                    yield f'{label}: {mount["mountPath"]} is not read-only'
    for unused in sorted(set(volumes) - used):
        yield f"volume {unused} is mounted nowhere"


def environment_promises(program, r, volumes, sources):
    pod = r.pod(program)
    environment = variables_of(pod)
    known = sources.variables.get(program, set())
    if r.is_example("traces"):
        known = known | {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    for unknown in sorted(set(environment) - known):
        yield f"{unknown} is no variable of the program"
    numbers = ports(pod)
    if len(set(numbers.values())) != 2:
        yield f"its ports are {numbers}"
    for variable, port in (("BACKSCROLL_LISTEN", "http"), ("BACKSCROLL_HEALTH_LISTEN", "health")):
        listen = environment.get(variable, "")
        if listen not in (f"[::]:{numbers.get(port)}", f"0.0.0.0:{numbers.get(port)}"):
            yield f"{variable} is {listen!r}, which is not its port {port} at every address"

    # Nobody may ask without a token, and the Secret with the tokens has to be there.
    if "BACKSCROLL_INSECURE" in environment:
        yield "answers anybody"
    wanted = ["BACKSCROLL_TOKEN_FILE"]
    if program == PRIMARY:
        wanted.append("BACKSCROLL_SECONDARY_TOKEN_FILE")
    containers = pod["spec"]["containers"]
    mounts = {m["mountPath"]: m["name"] for c in containers for m in c.get("volumeMounts", [])}
    for variable in wanted:
        folder, _, key = environment.get(variable, "").rpartition("/")
        name = volumes.get(mounts.get(folder), {}).get("secret", {}).get("secretName")
        secret = r.find("Secret", name, r.namespace(program)) or {}
        if key not in secret.get("data", {}):
            yield f"{variable}: no Secret holds {environment.get(variable)!r}"
