"""Faults by name, for who has only words: the command line."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from harness.clusters.cluster import Cluster
from harness.faults import FAULTS, Fault


def make(name: str, nodes: Sequence[str], settings: Mapping[str, str]) -> Fault:
    """The fault on these nodes. LookupError for an unknown name, ValueError for nodes or settings that it has not."""
    if name not in FAULTS:
        raise LookupError(f"no fault {name!r}; there are {', '.join(FAULTS)}")
    try:
        return FAULTS[name](*nodes, **{key: _value(text) for key, text in settings.items()})
    except TypeError:
        raise ValueError(f"fault {name} is started as: {usage(name)}") from None


def heal(cluster: Cluster, name: str, nodes: Sequence[str]) -> list[str]:
    """Heals the active faults of that name on these nodes, the last first; what was healed.

    Empty `nodes`: wherever they are; empty `name`: all of them. LookupError if there is none.
    """
    wanted = [
        fault for fault in reversed(list(cluster.faults))
        if name in ("", fault.name) and (not nodes or tuple(nodes) == fault.nodes)
    ]  # fmt: skip
    if not wanted:
        raise LookupError(f"no such fault is active; active are: {', '.join(active(cluster)) or 'none'}")
    told = [_told(fault) for fault in wanted]
    for fault in wanted:
        cluster.faults.heal(fault)
    return told


def active(cluster: Cluster) -> list[str]:
    """Name and nodes of the active faults, in the order in which they came."""
    return [_told(fault) for fault in cluster.faults]


def usage(name: str) -> str:
    """Its name, nodes and settings: `delay NODE [PEER]... delay_ms=50.0`."""
    words = []
    for parameter in inspect.signature(FAULTS[name]).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            words.append("[PEER]...")
        elif parameter.default is inspect.Parameter.empty:
            words.append("NODE")
        else:
            words.append(f"{parameter.name}={parameter.default}")
    return " ".join([name, *words])


def _told(fault: Fault) -> str:
    return " ".join([fault.name, *fault.nodes])


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            """Then it is something else."""
    return text
