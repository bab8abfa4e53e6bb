"""What is promised of the source of expected hosts, and of the one API token."""

from rendering import containers_of, title, variables_of
from sources import PRIMARY, PROGRAMS, SECONDARY

# In the primary's pod: the first file, and the newer ones.
FIRST, LATER = SIDECARS = ("expected-hosts-first", "expected-hosts")
TOKEN_PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"
# The volume with the file.
SHARED = "expected"
FIXED = {"BACKSCROLL_EXPECTED_HOSTS", "BACKSCROLL_EXPECTED_COUNT"}
# All that the token may do.
RULES = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": ["apps"], "resources": ["daemonsets"], "resourceNames": [SECONDARY], "verbs": ["get"]},
]
API_PORTS = {(443, "TCP"), (6443, "TCP")}
# What Kubernetes itself mounts into each container that wants a token: with another audience the
# API server refuses it, and without the certificate nobody knows the API server.
TOKEN_SOURCES = [
    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
]


def uses_api(r):
    return any(c["name"] in SIDECARS for c in containers_of(r.pod(PRIMARY)))


def api_promises(r):
    yield from token_promises(r)
    environment = variables_of(r.pod(PRIMARY))
    if not uses_api(r):
        # The component alone promises nothing: the README says what to add.
        if not FIXED & set(environment) and not r.allows("no-api-access"):
            yield "a node that is gone would not be missed"
        if "BACKSCROLL_EXPECTED_FILE" in environment:
            yield "nothing writes BACKSCROLL_EXPECTED_FILE"
        for o in r.of("Role") + r.of("RoleBinding") + r.of("ServiceAccount"):
            yield f"{title(o)}: is of no use"
        # Left out, `kubectl apply` would keep the account that was there before.
        account = r.pod(PRIMARY)["spec"].get("serviceAccountName")
        if account != "default":
            yield f"the primaries' account is {account}, and not default"
        return
    yield from file_promises(r, environment)
    yield from role_promises(r)


def token_promises(r):
    """Each token of the API server that a pod mounts, and who sees it."""
    for program in PROGRAMS:
        spec = r.pod(program)["spec"]
        tokens = set()
        for volume in spec.get("volumes", []):
            sources = volume.get("projected", {}).get("sources", [])
            if any("serviceAccountToken" in source for source in sources):
                tokens.add(volume["name"])
                if program != PRIMARY or sources != TOKEN_SOURCES:
                    yield f"{program}: the token of the API server comes with {sources}"
        for container in containers_of(r.pod(program)):
            places = {m["mountPath"] for m in container.get("volumeMounts", []) if m["name"] in tokens}
            if container["name"] not in SIDECARS and places:
                yield f"{program}: container {container['name']} has a token of the API server"
            if container["name"] in SIDECARS and places != {TOKEN_PLACE}:
                yield f"{program}: container {container['name']} has no token at {TOKEN_PLACE}"


def file_promises(r, environment):
    spec = r.pod(PRIMARY)["spec"]
    path = environment.get("BACKSCROLL_EXPECTED_FILE", "")
    folder = path.rpartition("/")[0]
    volumes = {v["name"]: v for v in spec["volumes"]}
    for container in containers_of(r.pod(PRIMARY)):
        mounts = [m for m in container.get("volumeMounts", []) if m["mountPath"] == folder]
        if not mounts or mounts[0]["name"] != SHARED or "emptyDir" not in volumes[SHARED]:
            yield f"container {container['name']}: {folder!r} is no volume that they share"
        elif container["name"] in SIDECARS and mounts[0].get("readOnly"):
            yield f"container {container['name']}: cannot write {path}"
    wanted = [
        "kubernetes-hosts",
        f"--file={path}",
        f"--namespace={r.namespace(SECONDARY)}",
        f"--daemonset={SECONDARY}",
    ]
    for field, name, more in (("initContainers", FIRST, ["--once", "--retry-time=60"]), ("containers", LATER, [])):
        found = [c for c in spec.get(field) or [] if c["name"] == name]
        if len(found) != 1:
            yield f"{name} is not among {field}"
        elif found[0].get("args") != wanted + more:
            yield f"container {name}: its arguments are {found[0].get('args')}"


def role_promises(r):
    nodes, own = r.namespace(SECONDARY), r.namespace(PRIMARY)
    account = r.pod(PRIMARY)["spec"].get("serviceAccountName")
    found = r.find("ServiceAccount", account, own)
    if found is None:
        yield f"there is no ServiceAccount {account} in {own}"
    elif found.get("automountServiceAccountToken") is not False:
        yield f"{title(found)}: its token is mounted everywhere"
    roles, bindings = r.of("Role"), r.of("RoleBinding")
    if len(roles) != 1 or len(bindings) != 1:
        yield f"there are {len(roles)} Roles and {len(bindings)} RoleBindings"
        return
    for o in (roles[0], bindings[0]):
        if o["metadata"].get("namespace") != nodes:
            yield f"{title(o)}: is not in {nodes}"
    if roles[0]["rules"] != RULES:
        yield f"{title(roles[0])}: its rules are {roles[0]['rules']}"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": roles[0]["metadata"]["name"]}
    if bindings[0]["roleRef"] != role:
        yield f"{title(bindings[0])}: binds another role"
    if bindings[0]["subjects"] != [{"kind": "ServiceAccount", "name": account, "namespace": own}]:
        yield f"{title(bindings[0])}: its subjects are {bindings[0]['subjects']}"
