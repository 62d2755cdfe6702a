"""Cleaning a cluster between two tests, and the proof: what each node says of itself afterwards.

Healed are faults; brought back are nodes that stand still or are down; ended are tasks, and with them their open files
and locks; put in force again are policy, booleans, mode and nodemaps. Files stay: each test has a folder of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harness.clusters.cluster import Cluster
from harness.clusters.inforce import Rules
from labelproof.v1 import admin_pb2 as pb
from labelproof.v1 import client_pb2

ANSWER_S_MAX = 5.0

# By node, what its Admin.Stats tells.
Counters = Mapping[str, Mapping[str, int]]
_IN_FORCE = ("policy", "nodemaps")


class Dirty(RuntimeError):
    """The cluster cannot be cleaned; the text says what is left."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a test finds, and has to leave as it is: what was booted with, and what fixtures wider than it set up.

    `tasks` are ids; `in_force` has for each node the fingerprints of its policy and its nodemaps.
    """

    tasks: frozenset[str]
    rules: Rules
    in_force: Mapping[str, tuple[int, ...]]


def standing(cluster: Cluster, tasks: frozenset[str] = frozenset()) -> Standing:
    """As it is now, with these tasks. OSError where a node does not answer."""
    return Standing(tasks, cluster.rules, _in_force(_counters(cluster)))


def clean(cluster: Cluster, wanted: Standing) -> None:
    """Makes the cluster what it has to be, and proves it. Dirty, naming what is left, if it cannot."""
    wanted = replace(wanted, tasks=wanted.tasks | cluster.lasting)
    try:
        revived = _revived(cluster)
        _log_out(cluster, wanted)
        counters = _counters(cluster)
        if dirt := list(_dirt(counters, wanted)):
            _repair(cluster, wanted, counters)
            counters = _counters(cluster)
            dirt = list(_dirt(counters, wanted))
    except (OSError, RuntimeError) as error:  # RuntimeError: the test has stopped it, or a node does not come up
        raise Dirty(str(getattr(error, "strerror", None) or error)) from error
    if any(cluster.nodes[node].role == "client" for node in revived) and _sum(counters, "tasks") < len(wanted.tasks):
        dirt.append(f"{', '.join(revived)} took tasks along that fixtures wider than the test had made")
    if dirt:
        raise Dirty("; ".join(dirt))


def _revived(cluster: Cluster) -> list[str]:
    """Nodes that were down, or fell by themselves, and run again."""
    cluster.heal()
    for node in cluster.nodes:
        cluster.resume(node)
    silent = cluster.run(_silent(cluster)) if cluster.machine.fallen() else set()
    down = [node for node in cluster.nodes if node in silent or not cluster.lives.up(node)]
    if down:
        cluster.restart(*down)
    return down


def _log_out(cluster: Cluster, wanted: Standing) -> None:
    """Ends every task but those that stay."""
    request = client_pb2.LogoutRequest(keep=sorted(wanted.tasks))

    async def each() -> None:
        clients = [name for name, node in cluster.nodes.items() if node.role == "client"]
        await asyncio.gather(*(cluster.agent(client, "logout", request) for client in clients))

    cluster.run(each())


def _dirt(counters: Counters, wanted: Standing) -> Iterator[str]:
    """What is not as it has to be, a sentence each."""
    for node, found in _in_force(counters).items():
        for name, value, right in zip(_IN_FORCE, found, wanted.in_force[node], strict=True):
            if value != right:
                yield f"{node} has another {name} than before"
    if (left := _sum(counters, "tasks") - len(wanted.tasks)) > 0:
        yield f"{left} tasks are logged in"
    if (left := _held(counters) - _sum(counters, "open_files", clients=True)) > 0:
        yield f"{left} open files belong to nobody"
    if not wanted.tasks and (left := _sum(counters, "locks")):
        yield f"{left} locks are held"


def _repair(cluster: Cluster, wanted: Standing, counters: Counters) -> None:
    """Puts rules in force again; what nobody can close, the servers take from clients that are restarted."""
    now = _in_force(counters)
    if any(now[node][0] != wanted.in_force[node][0] for node in now):
        cluster.enforce_again(wanted.rules)
    cluster.run(cluster.mapped([node for node in now if now[node][1] != wanted.in_force[node][1]]))
    if not wanted.tasks and _held(counters) > _sum(counters, "open_files", clients=True):
        cluster.restart(*(name for name, node in cluster.nodes.items() if node.role == "client"))


def _counters(cluster: Cluster) -> Counters:
    async def each() -> Counters:
        found = await asyncio.gather(*(_told(cluster, node) for node in cluster.nodes))
        return dict(zip(cluster.nodes, found, strict=True))

    found: Counters = cluster.run(each())
    return found


async def _told(cluster: Cluster, node: str) -> Mapping[str, int]:
    reply = await asyncio.wait_for(cluster.asked(node, "stats", pb.StatsRequest()), ANSWER_S_MAX)
    return dict(reply.counters)


async def _silent(cluster: Cluster) -> set[str]:
    """The nodes that do not answer."""
    found = await asyncio.gather(*(_told(cluster, node) for node in cluster.nodes), return_exceptions=True)
    return {node for node, reply in zip(cluster.nodes, found, strict=True) if isinstance(reply, OSError)}


def _in_force(counters: Counters) -> dict[str, tuple[int, ...]]:
    return {node: tuple(told[name] for name in _IN_FORCE) for node, told in counters.items()}


def _sum(counters: Counters, name: str, *, clients: bool = False) -> int:
    """Over all nodes; `clients`: over those that have tasks."""
    return sum(told.get(name, 0) for told in counters.values() if not clients or "tasks" in told)


def _held(counters: Counters) -> int:
    """How many open files the servers know of."""
    return _sum(counters, "open_files") - _sum(counters, "open_files", clients=True)
