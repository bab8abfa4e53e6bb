"""What is promised of the network policies: who may connect, and where to."""

from api_access import API_PORTS, uses_api
from rendering import NAMESPACE_NAME, ports, title
from sources import PRIMARY, SECONDARY

CLIENTS = {"backscroll-client": "true"}
MONITORING = {"backscroll-monitoring": "true"}
DNS_PORTS = {(53, "UDP"), (53, "TCP")}
# The examples: name servers of OpenShift, an API server, and a collector of traces.
MORE_DNS_PORTS = {(5353, "UDP"), (5353, "TCP")}
MORE_API_PORTS = {(16443, "TCP")}
COLLECTOR = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: "observability"}}}
COLLECTOR_PORTS = {(4318, "TCP")}


def policy_promises(r):
    for program, w in r.workloads.items():
        closed = set()
        for policy in r.of("NetworkPolicy"):
            mine = r.selected(policy["metadata"].get("namespace"), policy["spec"]["podSelector"].get("matchLabels"))
            if program in mine:
                closed |= set(policy["spec"]["policyTypes"])
        if closed != {"Ingress", "Egress"}:
            yield f"{program}: no NetworkPolicy closes it in both directions"
    reached = set()
    for policy in r.of("NetworkPolicy"):
        for line in (*selector_promises(policy), *one_policy(r, policy, reached)):
            yield f"{title(policy)}: {line}"
    # What is closed to those who need it is of no use.
    for who, program, port in (
        ("primaries", SECONDARY, "http"),
        ("clients", PRIMARY, "http"),
        ("monitoring", PRIMARY, "health"),
        ("monitoring", SECONDARY, "health"),
        (PRIMARY, SECONDARY, "egress"),
        (PRIMARY, "name servers", "egress"),
    ):
        if (who, program, port) not in reached:
            yield f"no NetworkPolicy lets {who} reach {program} ({port})"
    if uses_api(r) and (PRIMARY, "API server", "egress") not in reached:
        yield "no NetworkPolicy lets the primary's pod reach the API server"


def selector_promises(policy):
    """More than labels in a selector would be read by nothing here."""
    rules = [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
    peers = [peer for rule in rules for peer in (*rule.get("from", []), *rule.get("to", []))]
    closed = set(policy["spec"].get("policyTypes", []))
    for kind in ("Ingress", "Egress"):
        if kind.lower() in policy["spec"] and kind not in closed:
            yield f"its rules of {kind} close nothing"
    for selector in (
        policy["spec"]["podSelector"],
        *(s for peer in peers for kind, s in peer.items() if kind != "ipBlock"),
    ):
        if set(selector) != {"matchLabels"}:
            yield f"its selector {selector} is not of labels alone"


def ports_of(rule):
    """Numbers and protocols; a range becomes something that nobody promised."""
    return {
        (port.get("port"), port.get("protocol", "TCP"), *([port["endPort"]] if "endPort" in port else []))
        for port in rule.get("ports", [])
    }


def one_policy(r, policy, reached):
    mine = r.selected(policy["metadata"].get("namespace"), policy["spec"]["podSelector"].get("matchLabels"))
    if len(mine) != 1:
        yield f"selects {len(mine)} kinds of pods"
        return
    [program] = mine
    for rule in policy["spec"].get("ingress", []):
        names = {(number, "TCP"): name for name, number in ports(r.pod(program)).items()}
        numbers = ports_of(rule)
        if not numbers:
            yield "ingress at every port"
        for number in sorted(numbers - set(names), key=str):
            yield f"ingress: no port {number} there"
        if not rule.get("from"):
            yield "ingress from everywhere"
        for peer in rule.get("from", []):
            who = peer_of(r, peer)
            allowed = {
                "primaries": {(SECONDARY, "http")},
                "clients": {(PRIMARY, "http")},
                "monitoring": {(PRIMARY, "health"), (SECONDARY, "health")},
            }.get(who, set())
            for number in sorted(numbers, key=str):
                if (program, names.get(number)) not in allowed:
                    yield f"ingress: {who or peer} at port {number}"
                else:
                    reached.add((who, program, names[number]))
    for rule in policy["spec"].get("egress", []):
        yield from egress_promises(r, program, rule, reached)


def egress_promises(r, program, rule, reached):
    numbers = ports_of(rule)
    said = f"at the ports {sorted(numbers, key=str)}"
    traces = r.is_example("traces")
    api = program == PRIMARY and uses_api(r)
    dns_ports = DNS_PORTS | (MORE_DNS_PORTS if r.is_example("dns") else set())
    api_ports = API_PORTS | (MORE_API_PORTS if r.is_example("api-port") else set())
    if not numbers:
        yield "egress to every port"
    if not rule.get("to"):
        if numbers == dns_ports and (program == PRIMARY or traces):
            reached.add((program, "name servers", "egress"))
        elif numbers == api_ports and api:
            reached.add((program, "API server", "egress"))
        else:
            yield f"egress to everywhere, {said}"
        return
    for peer in rule["to"]:
        if r.is_example("api-server") and set(peer) == {"ipBlock"} and numbers == api_ports and api:
            reached.add((program, "API server", "egress"))
        elif traces and peer == COLLECTOR and numbers == COLLECTOR_PORTS:
            reached.add((program, "collector", "egress"))
        elif program == PRIMARY and peer_of(r, peer) == "secondaries" and numbers == {
            (ports(r.pod(SECONDARY))["http"], "TCP")
        }:
            reached.add((program, SECONDARY, "egress"))
        else:
            yield f"egress to {peer} {said}"


def peer_of(r, peer):
    """Who a peer is, by our names for them; None for anybody else."""
    namespaces = peer.get("namespaceSelector", {}).get("matchLabels")
    pods = peer.get("podSelector", {}).get("matchLabels")
    if set(peer) == {"namespaceSelector"}:
        return {str(CLIENTS): "clients", str(MONITORING): "monitoring"}.get(str(namespaces))
    if set(peer) != {"namespaceSelector", "podSelector"}:
        return None
    for program, name in ((PRIMARY, "primaries"), (SECONDARY, "secondaries")):
        if namespaces == {NAMESPACE_NAME: r.namespace(program)} and r.selected(r.namespace(program), pods) == [program]:
            return name
    return None
