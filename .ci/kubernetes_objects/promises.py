"""What no schema knows, for a whole rendering: names, places, and what selects what."""

from api_access import api_promises
from network import policy_promises
from pods import pod_promises
from rendering import SELECTING, has, ports, title, variables_of
from sources import PRIMARY, PROGRAMS, SECONDARY

LEVEL = "pod-security.kubernetes.io/enforce"
LEVELS = {PRIMARY: "restricted", SECONDARY: "privileged"}
CLUSTER_SCOPED = ("Namespace", "PriorityClass")
# If possible not on one node.
SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
SERVICE_PORTS = {"backscroll-primary": 80, "backscroll-secondaries": 8001}
SERVICE_FIELDS = {"clusterIP", "ipFamilyPolicy", "ports", "publishNotReadyAddresses", "selector", "type"}
# No kind may come in unnoticed.
KINDS = {
    *CLUSTER_SCOPED,
    *("ConfigMap", "DaemonSet", "Deployment", "NetworkPolicy", "PodDisruptionBudget"),
    *("Role", "RoleBinding", "Secret", "Service", "ServiceAccount"),
}


def promises(r, sources):
    """Yields one line for each promise that is not kept."""
    if sorted(r.workloads) != sorted(PROGRAMS):
        yield f"the workloads are {sorted(r.workloads)}"
        return
    yield from place_promises(r)
    yield from priority_promises(r)
    yield from workload_promises(r)
    for program in PROGRAMS:
        for line in pod_promises(program, r, sources):
            yield f"{program}: {line}"
    yield from service_promises(r)
    yield from fleet_promises(r)
    yield from policy_promises(r)
    yield from api_promises(r)


def place_promises(r):
    for kind in sorted({o["kind"] for o in r.objects} - KINDS):
        yield f"a {kind} is nothing that was promised"
    ours = {r.namespace(program) for program in PROGRAMS}
    if len(ours) != 2:
        yield "the programs are not in two namespaces"
    names = [o["metadata"]["name"] for o in r.of("Namespace")]
    if sorted(names) != sorted(ours):
        yield f"the namespaces are {names}, and not those of the programs"
    for o in r.objects:
        namespace = o["metadata"].get("namespace")
        if o["kind"] in CLUSTER_SCOPED:
            if namespace is not None:
                yield f"{title(o)}: belongs to no namespace"
        elif namespace not in ours:
            yield f"{title(o)}: is in {namespace}, which is not ours"
    for program, wanted in LEVELS.items():
        for o in r.of("Namespace"):
            if o["metadata"]["name"] == r.namespace(program):
                level = o["metadata"]["labels"].get(LEVEL)
                if level != wanted:
                    yield f"{title(o)}: Pod Security at level {level}, and not {wanted}"


def priority_promises(r):
    for program, w in r.workloads.items():
        name = w["spec"]["template"]["spec"].get("priorityClassName")
        found = r.find("PriorityClass", name)
        if found is None:
            # Somebody's own class is not among our objects.
            if not r.is_example("priority"):
                yield f"{program}: there is no PriorityClass {name}"
            continue
        if found.get("preemptionPolicy") != "Never":
            yield f"{title(found)}: pushes out other pods"
        if not 0 < found["value"] < 1_000_000:
            yield f"{title(found)}: {found['value']} is no modest priority"
        if found.get("globalDefault"):
            yield f"{title(found)}: is for the pods of everybody"


def workload_promises(r):
    for program, w in r.workloads.items():
        labels = w["spec"]["template"]["metadata"]["labels"]
        selector = w["spec"]["selector"]["matchLabels"]
        if not has(labels, selector):
            yield f"{program}: its selector is not for its pods"
        if set(selector) != SELECTING:
            yield f"{program}: its selector names {sorted(selector)}"
        spread = w["spec"]["template"]["spec"].get("topologySpreadConstraints")
        if program == PRIMARY and spread != [{**SPREAD, "labelSelector": {"matchLabels": selector}}]:
            yield f"{program}: is spread by {spread}"
        if set(w["spec"]["selector"]) != {"matchLabels"}:
            yield f"{program}: its selector is not of labels alone"
    rollout = r.workloads[SECONDARY]["spec"].get("updateStrategy", {})
    if rollout != {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}:
        # A surge would be one host twice.
        yield f"{SECONDARY}: it is updated by {rollout}"
    if r.workloads[PRIMARY]["spec"].get("replicas", 1) < 2:
        yield f"{PRIMARY}: one alone is away while its node is drained"
    budgets = r.of("PodDisruptionBudget")
    if len(budgets) != 1:
        yield f"there are {len(budgets)} PodDisruptionBudgets"
    for budget in budgets:
        spec = dict(budget["spec"])
        wanted = spec.pop("selector")
        if set(wanted) != {"matchLabels"} or r.selected(
            budget["metadata"].get("namespace"), wanted["matchLabels"]
        ) != [PRIMARY]:
            yield f"{title(budget)}: does not select the primaries"
        # With 0 no node with a primary could be drained.
        if spec != {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}:
            yield f"{title(budget)}: says {spec}"


def service_promises(r):
    found = sorted(service["metadata"]["name"] for service in r.of("Service"))
    if found != sorted(SERVICE_PORTS):
        yield f"the Services are {found}"
    for service in r.of("Service"):
        for field in sorted(set(service["spec"]) - SERVICE_FIELDS):
            yield f"{title(service)}: has {field}, which was not promised"
        # What is reached from outside of the cluster gets past the network policies.
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"{title(service)}: has the type {service['spec']['type']}"
        at = [(port["port"], port.get("protocol", "TCP")) for port in service["spec"]["ports"]]
        if at != [(SERVICE_PORTS.get(service["metadata"]["name"]), "TCP")]:
            yield f"{title(service)}: its ports are {at}"
        wanted = service["spec"]["selector"]
        behind = r.selected(service["metadata"].get("namespace"), wanted)
        if len(behind) != 1:
            yield f"{title(service)}: selects {len(behind)} kinds of pods"
        for port in service["spec"]["ports"]:
            for field in sorted(set(port) - {"name", "port", "protocol", "targetPort"}):
                yield f"{title(service)}: has {field}, which was not promised"
            # Nobody but probes and monitoring has a use for the other port.
            if port["targetPort"] != "http":
                yield f"{title(service)}: leads to the port {port['targetPort']}"


def fleet_promises(r):
    """What a primary finds the fleet by."""
    fleet = variables_of(r.pod(PRIMARY)).get("BACKSCROLL_FLEET_DNS", "")
    host, _, port = fleet.rpartition(":")
    name, _, place = host.partition(".")
    namespace = r.namespace(SECONDARY)
    service = r.find("Service", name, namespace)
    if service is None or place != f"{namespace}.svc":
        yield f"the fleet's name {fleet!r} is no Service of the secondaries"
        return
    if service["spec"].get("clusterIP") != "None":
        yield f"{title(service)}: is not headless, and so one address"
    if service["spec"].get("publishNotReadyAddresses") is not True:
        yield f"{title(service)}: hosts that are not ready would vanish"
    if service["spec"].get("ipFamilyPolicy") != "SingleStack":
        yield f"{title(service)}: with two families each host is found twice"
    # A headless Service translates no ports.
    if port != str(ports(r.pod(SECONDARY)).get("http")):
        yield f"the fleet's port {port} is not the secondaries'"
