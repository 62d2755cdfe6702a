"""What the keeper of a cluster that is up does for who asks it (standing.py): one question, one answer in JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sepol
from harness import calls
from harness.clusters import Cluster
from harness.nodes import ClientNode

Question = dict[str, Any]


def answer(cluster: Cluster, question: Question) -> Any:
    """The answer to `question["do"]`; LookupError for one that nobody knows. What goes wrong is raised."""
    return _ANSWERS[question["do"]](cluster, question)


def _exec(cluster: Cluster, question: Question) -> Any:
    client = _client(cluster, question["node"])
    _require_context(cluster, question["login"]["context"])
    return calls.call(client, question["login"], question["name"], question["args"])


def _client(cluster: Cluster, name: str) -> ClientNode:
    """Raises LookupError, with the clients that there are."""
    clients = [node for node, found in cluster.nodes.items() if found.role == "client"]
    if name not in clients:
        raise LookupError(f"no client {name!r} in this cluster; there are {', '.join(clients)}")
    return cluster.client(name)


def _fault(cluster: Cluster, question: Question) -> list[str]:
    from harness.faults import named

    cluster.faults.start(named.make(question["name"], question["nodes"], question["settings"]))
    return named.active(cluster)


def _faults(cluster: Cluster, _question: Question) -> list[str]:
    from harness.faults import named

    return named.active(cluster)


def _heal(cluster: Cluster, question: Question) -> list[str]:
    from harness.faults import named

    return named.heal(cluster, question["name"], question["nodes"])


def _require_context(cluster: Cluster, context: str) -> None:
    """A node takes a context that its policy does not know for unlabeled, as the kernel does; a person mistyped it."""
    policy = cluster.policy
    if policy is None:
        return
    with sepol.Worker(policy.binary, name=policy.name) as worker:
        if not all(worker.check_contexts([context])):
            raise ValueError(f"context {context!r} is not one of policy {policy.name}; give user:role:type:level of it")


_ANSWERS: dict[str, Callable[[Cluster, Question], Any]] = {
    "exec": _exec,
    "fault": _fault,
    "faults": _faults,
    "heal": _heal,
    "down": lambda _cluster, _question: "ending",
}
