"""What a call costs a server's processor, measured: the time of the server's process, over the calls that it served.

An operation is repeated on a cluster of real processes, and what its server then spent is shared out evenly among the
calls that the operation is made of. So the cost of `Mds/Lookup` is an average over the operations that look up.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from harness.clusters.cluster import Cluster
from harness.clusters.processes import Processes
from harness.policy import Policy
from harness.scale import load
from harness.spec import ClusterSpec

# "Mds/Open" -> seconds of the server's processor.
Costs = Mapping[str, float]

REPEATS = 150


def measure(run_dir: Path, repeats: int = REPEATS) -> dict[str, float]:
    """The costs on this machine, in some ten seconds. `run_dir` holds the cluster's history meanwhile."""
    policy = Policy.own(load.POLICY)
    cluster = Processes().start(ClusterSpec(client=1, policy=policy, root_context=load.WHO.root), run_dir)
    try:
        load.prepare(cluster)
        return _shared_out(_samples(cluster, repeats))
    finally:
        cluster.stop()


def save(costs: Costs, path: Path) -> None:
    path.write_text(json.dumps(costs, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, float]:
    """The inverse of `save`; ValueError names the file that it did not write."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(method): float(seconds) for method, seconds in found.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} holds no costs ({error}); write it with --save-costs") from error


def _samples(cluster: Cluster, repeats: int) -> list[tuple[float, Counter[str]]]:
    """For each operation and role of servers: the seconds that its processes spent, and the calls that they served."""
    client = load.Client(cluster.client().login(load.WHO.user, umask=0), load.generator(0, "costs"))
    roles = {node.name: node.role for node in cluster.nodes.values() if node.role != "client"}
    found = []
    for _, _, act in load.MIX:
        cluster.run(act(client))
        mark, before = cluster.mark(), {role: _spent_s(role) for role in roles.values()}
        for _ in range(repeats):
            cluster.run(act(client))
        spent = {role: _spent_s(role) - seconds for role, seconds in before.items()}
        served = {role: Counter[str]() for role in spent}
        for event in cluster.events(mark):
            if event["e"] == "rpc" and event["phase"] == "reply" and event["n"] in roles:
                served[roles[event["n"]]][event["method"]] += 1
        found += [(spent[role], calls) for role, calls in served.items() if calls]
    return found


def _shared_out(samples: list[tuple[float, Counter[str]]]) -> dict[str, float]:
    spent: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for seconds, served in samples:
        each = seconds / served.total()
        calls.update(served)
        for method, count in served.items():
            spent[method] += each * count  # type: ignore[assignment]  # Counter adds floats too
    return {method: spent[method] / count for method, count in sorted(calls.items())}


def _spent_s(role: str) -> float:
    """Time on a processor of all node processes of that role that this process started.

    proc(5): /proc/PID/task/TID/schedstat, first field, in ns.
    """
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [pid for child in children for pid in child.read_text().split()]
    nodes = [pid for pid in pids if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2:-1] == [role.encode()]]
    files = [file for pid in nodes for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9
