"""One rendering: its objects, and how to find them."""

NAMESPACE_NAME = "kubernetes.io/metadata.name"
# A selector has these, no more and no fewer: it cannot be changed later, and two installations must
# not select each other's pods.
SELECTING = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


def has(labels, wanted):
    return bool(wanted) and wanted.items() <= labels.items()


def title(o):
    return f'{o["kind"]} {o["metadata"]["name"]}'


class Rendering:
    def __init__(self, objects, name=""):
        self.objects = objects
        # A fault elsewhere is wanted where a component of this name brings it.
        self.name = name
        self.workloads = {w["metadata"]["name"]: w for w in self.of("Deployment") + self.of("DaemonSet")}

    def allows(self, component):
        return self.name in (component, "everything")

    def is_example(self, name):
        """Whether this is the example of that name in the pages."""
        return self.name == f"readme-{name}"

    def of(self, kind):
        return [o for o in self.objects if o["kind"] == kind]

    def namespace(self, program):
        """Where a program's pods are."""
        return self.workloads.get(program, {}).get("metadata", {}).get("namespace")

    def pod(self, program):
        return self.workloads.get(program, {}).get("spec", {}).get("template", {"spec": {"containers": []}})

    def selected(self, namespace, wanted):
        """The programs whose pods a selector of that namespace selects."""
        if set(wanted or {}) != SELECTING:
            return []
        return [
            name
            for name, w in self.workloads.items()
            if w["metadata"].get("namespace") == namespace
            and has(w["spec"]["template"]["metadata"]["labels"], wanted)
        ]

    def find(self, kind, name, namespace=None):
        for o in self.of(kind):
            if o["metadata"]["name"] == name and o["metadata"].get("namespace") == namespace:
                return o
        return None


def init_containers(spec):
    return spec.get("initContainers") or []


def containers_of(pod):
    return init_containers(pod["spec"]) + pod["spec"]["containers"]


def ports(pod):
    """The number of each named port."""
    return {
        port["name"]: port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    }


def variables_of(pod):
    """The environment of a pod's containers; what comes from elsewhere is an empty string."""
    containers = pod.get("spec", {}).get("containers", [])
    return {e["name"]: e.get("value", "") for c in containers for e in c.get("env", [])}
