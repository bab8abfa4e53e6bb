"""What is promised of the nodes on which the pods run."""

from sources import SECONDARY

# What a node says of itself where it is none: the label, and the value.
VIRTUAL_NODES = {
    ("type", "virtual-kubelet"),
    ("type", "kwok"),
    ("eks.amazonaws.com/compute-type", "fargate"),
    ("liqo.io/type", "virtual-node"),
    ("node.kubernetes.io/instance-type", "eklet"),
}
# What the images are made for.
ARCHITECTURES = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}
# Of control planes, which have logs too.
TOLERATED = {
    *("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"),
    *("node-role.kubernetes.io/etcd", "CriticalAddonsOnly"),
}


def placement_promises(program, r, spec):
    if spec.get("nodeSelector", {}).get("kubernetes.io/os") != "linux":
        yield "it would wait on nodes with Windows"
    # Terms are alternatives, so all has to be in each one.
    affinity = spec.get("affinity", {})
    if set(affinity) - {"nodeAffinity"}:
        yield f"its affinity is {sorted(affinity)}"
    required = affinity.get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    for term in required.get("nodeSelectorTerms", []) or [{}]:
        expressions = term.get("matchExpressions", [])
        if ARCHITECTURES not in expressions:
            yield "it would wait on machines of another kind"
        if program == SECONDARY:
            yield from virtual_promises(expressions)
    if program == SECONDARY:
        yield from toleration_promises(r, spec.get("tolerations", []))


def virtual_promises(expressions):
    excluded = {(e["key"], value) for e in expressions if e["operator"] == "NotIn" for value in e["values"]}
    for key, value in sorted(VIRTUAL_NODES - excluded):
        yield f"it would wait on virtual nodes with {key}={value}"


def toleration_promises(r, tolerations):
    if r.allows("tolerate-everything"):
        if tolerations != [{"operator": "Exists"}]:
            yield f"it does not tolerate everything: {tolerations}"
        return
    for toleration in tolerations:
        if toleration.get("key") is None:
            yield "it tolerates every taint, also that of a network that is not ready"
        elif toleration != {"key": toleration["key"], "operator": "Exists"}:
            yield f"it tolerates only a part: {toleration}"
    for key in sorted(TOLERATED - {t.get("key") for t in tolerations}):
        yield f"it does not tolerate {key}"
