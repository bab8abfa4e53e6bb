"""Checks rendered Kubernetes objects: kubernetes_objects.py ROOT VERSION... -- FILE...

Each FILE is one rendering. Two parts: the schema of each VERSION, in which an unknown field is
an error, and `promises`, which no schema knows. At the end each promise is broken on purpose,
and has to be noticed.
"""

import copy
import functools
import json
import os
import re
import sys

import kubernetes_validate
import yaml

UID = 10001
PROFILE_ROOT = "/var/lib/kubelet/seccomp"
PROFILE_SOURCE = "deploy/seccomp-io-uring.json"
INSTALLER = "install-seccomp-profile"
ROOT_COMPONENT = "read-as-root"
CLIENT_LABELS = {"backscroll-client": "true"}
PROGRAMS = ("backscroll-primary", "backscroll-secondary")


class Sources:
    """What the objects have to agree with, from the sources: no build is needed."""

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


def has(labels, wanted):
    return bool(wanted) and wanted.items() <= labels.items()


def promises(objects, sources, may_run_as_root=False):
    """Yields one line for each promise that is not kept."""
    of = lambda kind: [o for o in objects if o["kind"] == kind]
    workloads = of("Deployment") + of("DaemonSet")
    pods = {w["metadata"]["name"]: w["spec"]["template"] for w in workloads}
    if sorted(pods) != sorted(PROGRAMS):
        yield f"the workloads are {sorted(pods)}"
    policies = of("NetworkPolicy")

    def selected(wanted):
        return [pod for pod in pods.values() if has(pod["metadata"]["labels"], wanted)]

    namespaces = of("Namespace")
    if len(namespaces) != 1:
        yield "there is not exactly one Namespace"
    for o in objects:
        if o["kind"] != "Namespace" and o["metadata"].get("namespace") != namespaces[0]["metadata"]["name"]:
            yield f'{o["kind"]} {o["metadata"]["name"]}: is not in our namespace'
    level = namespaces[0]["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
    if level != "privileged":
        yield f"Pod Security at level {level} allows no hostPath"

    for w in workloads:
        labels = w["spec"]["template"]["metadata"]["labels"]
        if not has(labels, w["spec"]["selector"]["matchLabels"]):
            yield f'{w["metadata"]["name"]}: its selector is not for its pods'
        for spread in w["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            if not has(labels, spread["labelSelector"]["matchLabels"]):
                yield f'{w["metadata"]["name"]}: spreads other pods'
        surge = w["spec"].get("updateStrategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
        if w["kind"] == "DaemonSet" and surge:
            yield f'{w["metadata"]["name"]}: a surge would be one host twice'
    for budget in of("PodDisruptionBudget"):
        if not selected(budget["spec"]["selector"]["matchLabels"]):
            yield f'PodDisruptionBudget {budget["metadata"]["name"]}: selects nothing'

    for name, pod in pods.items():
        for line in pod_promises(name, pod, objects, sources, may_run_as_root):
            yield f"{name}: {line}"
        closed = set()
        for policy in policies:
            if has(pod["metadata"]["labels"], policy["spec"]["podSelector"].get("matchLabels")):
                closed |= set(policy["spec"]["policyTypes"])
        if closed != {"Ingress", "Egress"}:
            yield f"{name}: no NetworkPolicy closes it in both directions"

    for service in of("Service"):
        name = f'Service {service["metadata"]["name"]}'
        behind = selected(service["spec"]["selector"])
        if len(behind) != 1:
            yield f"{name}: selects {len(behind)} kinds of pods"
        for port in service["spec"]["ports"]:
            for pod in behind:
                if port["targetPort"] not in ports(pod):
                    yield f'{name}: its pods have no port {port["targetPort"]}'

    for policy in policies:
        name = f'NetworkPolicy {policy["metadata"]["name"]}'
        mine = selected(policy["spec"]["podSelector"].get("matchLabels"))
        if not mine:
            yield f"{name}: selects nothing"
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, []):
                numbers = [port["port"] for port in rule.get("ports", [])]
                if not numbers:
                    yield f"{name}: {direction} at every port"
                if peers not in rule:
                    if direction == "ingress" or set(numbers) != {53}:
                        yield f"{name}: {direction} without peers, and not for DNS"
                    continue
                theirs = []
                for peer in rule[peers]:
                    if set(peer) != {"podSelector"} or not peer["podSelector"].get("matchLabels"):
                        yield f"{name}: {direction}: a peer of all pods, or of another namespace"
                        continue
                    wanted = peer["podSelector"]["matchLabels"]
                    theirs += selected(wanted)
                    if not selected(wanted) and wanted != CLIENT_LABELS:
                        yield f"{name}: {direction}: no pod has {wanted}"
                for pod in mine if direction == "ingress" else theirs:
                    for number in numbers:
                        if number not in ports(pod):
                            yield f"{name}: {direction}: no port {number} there"

    # What a primary finds the fleet by.
    fleet = variables_of(pods.get("backscroll-primary", {})).get("BACKSCROLL_FLEET_DNS", "")
    host, _, port = fleet.rpartition(":")
    found = [s for s in of("Service") if s["metadata"]["name"] == host]
    if not found:
        yield f"the fleet's name {fleet!r} is no Service"
    for service in found:
        if service["spec"].get("clusterIP") != "None":
            yield f"Service {host}: is not headless, and so one address"
        if service["spec"].get("publishNotReadyAddresses") is not True:
            yield f"Service {host}: hosts that are not ready would vanish"
        if service["spec"].get("ipFamilyPolicy") != "SingleStack":
            yield f"Service {host}: with two families each host is found twice"
        for pod in selected(service["spec"]["selector"]):
            # A headless Service translates no ports.
            if not port.isdigit() or int(port) not in ports(pod):
                yield f"the fleet's port {port} is not the secondaries'"


def ports(pod):
    """Numbers and names of all ports."""
    found = set()
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", []):
            found |= {port["containerPort"], port["name"]}
    return found


def variables_of(pod):
    """The environment of a pod's containers; what comes from elsewhere is an empty string."""
    containers = pod.get("spec", {}).get("containers", [])
    return {e["name"]: e.get("value", "") for c in containers for e in c.get("env", [])}


def pod_promises(name, pod, objects, sources, may_run_as_root):
    spec = pod["spec"]
    for field in ("automountServiceAccountToken", "enableServiceLinks"):
        if spec.get(field) is not False:
            yield f"{field} is not false"
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{field} is set"
    security = spec["securityContext"]
    as_root = may_run_as_root and name == "backscroll-secondary"
    if security.get("runAsNonRoot") is as_root or security.get("runAsUser") != (0 if as_root else UID):
        yield "runs as another user than it should"
    # A profile that is missing must not keep the sandbox, and so the pod's address, from being.
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "the pod's own seccomp profile is not RuntimeDefault"

    volumes = {v["name"]: v for v in spec.get("volumes", [])}
    for volume in volumes.values():
        if "hostPath" in volume and not volume["hostPath"].get("type"):
            yield f'hostPath {volume["hostPath"]["path"]}: without a type it may be anything'
    used = set()
    pause = 0
    for container in spec.get("initContainers", []) + spec["containers"]:
        label = f'container {container["name"]}'
        for line in container_promises(name, container, sources):
            yield f"{label}: {line}"
        for mount in container.get("volumeMounts", []):
            used.add(mount["name"])
            volume = volumes.get(mount["name"])
            if volume is None:
                yield f'{label}: mounts {mount["name"]}, which is no volume'
            elif mount.get("readOnly") is not True:
                path = volume.get("hostPath", {}).get("path")
                if container["name"] != INSTALLER or path != f"{PROFILE_ROOT}/backscroll":
                    yield f'{label}: {mount["mountPath"]} is not read-only'
        for probe in ("livenessProbe", "readinessProbe"):
            if container["name"] == INSTALLER:
                continue
            get = container.get(probe, {}).get("httpGet", {})
            if get.get("path") != {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}[probe]:
                yield f"{label}: {probe} asks for {get.get('path')}"
            if get.get("port") not in ports(pod):
                yield f"{label}: {probe} asks at port {get.get('port')}"
        hook = container.get("lifecycle", {}).get("preStop", {})
        pause = max(pause, hook.get("sleep", {}).get("seconds", 0))
    for unused in sorted(set(volumes) - used):
        yield f"volume {unused} is mounted nowhere"
    if spec.get("terminationGracePeriodSeconds", 30) < pause + sources.drain_seconds + 2:
        yield "is killed before it has drained"

    environment = variables_of(pod)
    for unknown in sorted(set(environment) - sources.variables.get(name, set())):
        yield f"{unknown} is no variable of the program"
    listen = environment.get("BACKSCROLL_LISTEN", "")
    if not listen.startswith("[::]:") or int(listen.rpartition(":")[2]) not in ports(pod):
        yield f"listens at {listen!r}, which is not its port at every address"

    profiles = {v["configMap"]["name"] for v in volumes.values() if "configMap" in v}
    maps = {o["metadata"]["name"]: o for o in objects if o["kind"] == "ConfigMap"}
    if profiles - set(maps):
        yield f"there is no ConfigMap {profiles - set(maps)}"
    if any(c["name"] == INSTALLER for c in spec.get("initContainers", [])):
        for config in profiles & set(maps):
            if maps[config]["data"] != {os.path.basename(PROFILE_SOURCE): sources.profile}:
                yield f"the profile in {config} is not {PROFILE_SOURCE}"

    if name == "backscroll-secondary":
        own = spec["containers"][0]["securityContext"].get("seccompProfile")
        uring = {"type": "Localhost", "localhostProfile": f"backscroll/{os.path.basename(PROFILE_SOURCE)}"}
        wanted = {"uring": uring, "threads": {"type": "RuntimeDefault"}}
        if own != wanted.get(environment.get("BACKSCROLL_IO")):
            yield f"its seccomp profile is not the one for BACKSCROLL_IO={environment.get('BACKSCROLL_IO')}"
        if "BACKSCROLL_HOSTNAME" not in environment:
            yield "its host would be called what the pod is called"


def container_promises(name, container, sources):
    security = container["securityContext"]
    if security.get("readOnlyRootFilesystem") is not True:
        yield "its root file system can be written"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "it may gain privileges"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "it keeps capabilities"
    if security.get("privileged"):
        yield "it is privileged"
    if container["name"] != INSTALLER and {"runAsUser", "runAsNonRoot"} & set(security):
        yield "it has a user of its own"
    image, _, tag = container["image"].rpartition(":")
    if not image or tag in ("", "latest"):
        yield f'{container["image"]} has no fixed tag'
    if image in PROGRAMS and (image, tag) != (name, sources.version):
        yield f'{container["image"]} is not {name}:{sources.version}'
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
        yield "it has no requests, or no limit of memory"


def schema_errors(o, version):
    return [f'{o["kind"]} {o["metadata"]["name"]}: {e}' for e in errors_of_text(json.dumps(o), version)]


# Most objects are the same in every rendering.
@functools.cache
def errors_of_text(text, version):
    try:
        kubernetes_validate.validate(json.loads(text), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        where = "/".join(str(part) for part in error.path)
        return [f"Kubernetes {version}: {where}: {error.message[:200]}"]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [error.message]
    return []


# One way to break each promise: where (kind and name), the path there, and the new value, or
# DELETE. A rendering with the installer is broken.
DELETE = object()
SECONDARY = ("DaemonSet", "backscroll-secondary")
PRIMARY = ("Deployment", "backscroll-primary")
POD = "spec/template/spec/"
FIRST = POD + "containers/0/"
INIT = POD + "initContainers/0/"
BREAKS = [
    (SECONDARY, FIRST + "volumeMounts/0/readOnly", DELETE),
    (SECONDARY, INIT + "volumeMounts/0/readOnly", False),
    (SECONDARY, POD + "volumes/1/hostPath/path", "/var/lib/kubelet"),
    (SECONDARY, POD + "volumes/1/hostPath/type", DELETE),
    (SECONDARY, POD + "volumes/2/name", "other"),
    (SECONDARY, POD + "volumes/0/configMap/name", "other"),
    (SECONDARY, FIRST + "securityContext/readOnlyRootFilesystem", DELETE),
    (SECONDARY, INIT + "securityContext/allowPrivilegeEscalation", DELETE),
    (SECONDARY, FIRST + "securityContext/capabilities/add", ["SYS_ADMIN"]),
    (SECONDARY, FIRST + "securityContext/privileged", True),
    (SECONDARY, FIRST + "securityContext/runAsUser", 0),
    (SECONDARY, FIRST + "securityContext/seccompProfile/localhostProfile", "other.json"),
    (SECONDARY, POD + "securityContext/seccompProfile/type", "Unconfined"),
    (SECONDARY, POD + "securityContext/runAsNonRoot", False),
    (SECONDARY, POD + "securityContext/runAsUser", 0),
    (SECONDARY, POD + "terminationGracePeriodSeconds", 9),
    (PRIMARY, POD + "terminationGracePeriodSeconds", 14),
    (PRIMARY, POD + "enableServiceLinks", DELETE),
    (PRIMARY, POD + "automountServiceAccountToken", True),
    (PRIMARY, POD + "hostNetwork", True),
    (PRIMARY, POD + "topologySpreadConstraints/0/labelSelector/matchLabels", {"a": "b"}),
    (PRIMARY, FIRST + "image", "backscroll-primary"),
    (PRIMARY, FIRST + "image", "backscroll-primary:latest"),
    (PRIMARY, FIRST + "image", "backscroll-primary:0.0.0"),
    (PRIMARY, FIRST + "resources/limits/memory", DELETE),
    (PRIMARY, FIRST + "readinessProbe/httpGet/path", "/healthz"),
    (PRIMARY, FIRST + "livenessProbe/httpGet/port", "web"),
    (PRIMARY, FIRST + "env/0/name", "BACKSCROLL_LISTENS"),
    (PRIMARY, FIRST + "env/0/value", "[::]:8001"),
    (PRIMARY, FIRST + "env/1/value", "backscroll:8001"),
    (PRIMARY, FIRST + "env/1/value", "backscroll-secondaries:8000"),
    (PRIMARY, "spec/selector/matchLabels", {"a": "b"}),
    (PRIMARY, "metadata/namespace", "default"),
    (SECONDARY, "spec/updateStrategy/rollingUpdate/maxSurge", 1),
    (SECONDARY, FIRST + "env/0/name", "BACKSCROLL_LOG_LEVEL"),
    (("Namespace", "backscroll"), "metadata/labels/pod-security.kubernetes.io~enforce", "baseline"),
    (("PodDisruptionBudget", "backscroll-primary"), "spec/selector/matchLabels", {"a": "b"}),
    (("Service", "backscroll-primary"), "spec/selector", {"a": "b"}),
    (("Service", "backscroll-primary"), "spec/ports/0/targetPort", "web"),
    (("Service", "backscroll-secondaries"), "spec/clusterIP", DELETE),
    (("Service", "backscroll-secondaries"), "spec/publishNotReadyAddresses", DELETE),
    (("Service", "backscroll-secondaries"), "spec/ipFamilyPolicy", "PreferDualStack"),
    (("NetworkPolicy", "backscroll-secondary"), "spec/podSelector", {}),
    (("NetworkPolicy", "backscroll-secondary"), "spec/policyTypes", ["Ingress"]),
    (("NetworkPolicy", "backscroll-secondary"), "spec/ingress/0/from", DELETE),
    (("NetworkPolicy", "backscroll-secondary"), "spec/ingress/0/from/0/podSelector", {}),
    (("NetworkPolicy", "backscroll-secondary"), "spec/ingress/0/ports/0/port", 8000),
    (("NetworkPolicy", "backscroll-primary"), "spec/ingress/0/ports", DELETE),
    (("NetworkPolicy", "backscroll-primary"), "spec/egress/0/to", DELETE),
    (("NetworkPolicy", "backscroll-primary"), "spec/egress/0/to/0/podSelector/matchLabels", {"a": "b"}),
    (("ConfigMap", None), "data/seccomp-io-uring.json", "{}"),
]
# What a schema alone has to notice.
SCHEMA_BREAKS = [
    (SECONDARY, FIRST + "securityContext/readOnlyRootFileSystem", True),
    (PRIMARY, POD + "terminationGracePeriodSeconds", "30"),
    (("Service", "backscroll-secondaries"), "spec/publishNotReady", True),
]


def broken(objects, change):
    (kind, name), path, value = change
    objects = copy.deepcopy(objects)
    [place] = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    # A ~ stands for the slash in a label's name.
    parts = [part.replace("~", "/") for part in path.split("/")]
    for part in parts[:-1]:
        place = place[int(part)] if part.isdigit() else place[part]
    last = parts[-1]
    if value is DELETE:
        del place[last]
    else:
        place[last] = value
    return objects


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
        errors = list(promises(objects, sources, may_run_as_root=name in (ROOT_COMPONENT, "everything")))
        errors += [e for o in objects for version in versions for e in schema_errors(o, version)]
        for error in errors:
            print(f"{name}: {error}", file=sys.stderr)
        failures += len(errors)
        print(f"{name}: {len(objects)} objects, {len(errors)} errors")
        if name == "with-installer" and not errors:
            unnoticed = [c for c in BREAKS if not list(promises(broken(objects, c), sources))]
            unnoticed += [
                c
                for c in SCHEMA_BREAKS
                for version in versions
                if not [e for o in broken(objects, c) for e in schema_errors(o, version)]
            ]
            for (kind, _), place, value in unnoticed:
                print(f"nobody notices {kind} {place} = {value}", file=sys.stderr)
            failures += len(unnoticed)
            print(f"{len(BREAKS) + len(SCHEMA_BREAKS)} changes for the worse, {len(unnoticed)} unnoticed")
    sys.exit(1 if failures else 0)


main()
