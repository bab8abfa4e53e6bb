"""Where things are in the objects: kind and name, and paths."""

DELETE = object()
SECONDARY = ("DaemonSet", "backscroll-secondary")
PRIMARY = ("Deployment", "backscroll-primary")
OF_SECONDARY = ("NetworkPolicy", "backscroll-secondary")
OF_PRIMARY = ("NetworkPolicy", "backscroll-primary")
OF_API = ("NetworkPolicy", "backscroll-primary-api-server")
ROLE = ("Role", "backscroll-expected-hosts")
BINDING = ("RoleBinding", "backscroll-expected-hosts")
ACCOUNT = ("ServiceAccount", "backscroll-primary")
BUDGET = ("PodDisruptionBudget", "backscroll-primary")
PRIORITY = ("PriorityClass", "backscroll")
OF_CLIENTS = ("Service", "backscroll-primary")
SECONDARIES = ("Service", "backscroll-secondaries")
POD = "spec/template/spec/"
READER = POD + "containers/secondary/"
ASKER = POD + "containers/primary/"
INIT = POD + "initContainers/install-seccomp-profile/"
FIRST = POD + "initContainers/expected-hosts-first/"
LATER = POD + "containers/expected-hosts/"
NODES = POD + "affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms"
OTHER = {"a": "b"}
