"""`@pytest.mark.labelproof(...)`: what cluster a test, a class or a module asks for, checked as it is collected.

    runtime   where nodes run: "processes", "netns", "docker" ...; where this machine cannot, the test is skipped
    nodes     how many of each role: {"client": 3} or "mds=1,oss=3,client=2"
    lsm       modules in call order: ("capability", "selinux"); or, as on the command line, a mode
    mode      "enforcing", "permissive" or "disabled"
    policy    targeted, mls, or the path of a policy file; profile: the TOML file that says who is who in it

and any other field of ClusterSpec. A test's own marker adds to its class's, and that to the module's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

ROLES = ("mds", "oss", "client")
MODES = ("enforcing", "permissive", "disabled")
# Fields of ClusterSpec besides `lsm`, `mode` and `policy`; then what is of this marker alone.
SPEC = (
    "mds", "oss", "client", "root_context", "nodemaps", "seed", "stripe_size", "rpc_timeout_s", "name", "recording",
)  # fmt: skip
FIELDS = ("runtime", "nodes", "lsm", "mode", "policy", "profile", *SPEC)


def wanted(item: pytest.Item | pytest.Collector) -> dict[str, Any]:
    """The fields for a test, `nodes` told by role, a mode under `mode`; empty: the default cluster.

    ValueError names the field and the remedy.
    """
    fields: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("labelproof"))):
        if marker.args:
            raise ValueError(f"labelproof: marker: {marker.args[0]!r} has no name; give fields, as client=3")
        fields |= _checked(marker.kwargs)
    return fields


def flavour(fields: Mapping[str, Any]) -> str:
    """One text for one kind of cluster, the same in every process."""
    return repr(sorted(fields.items()))


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    for name in given:
        if name not in FIELDS:
            raise ValueError(f"labelproof: marker: {name!r} is not a field; there are {', '.join(FIELDS)}")
    fields = dict(given)
    if "nodes" in fields:
        fields |= _nodes(fields.pop("nodes"))
    lsm = fields.get("lsm")
    if isinstance(lsm, str) and lsm in MODES:
        fields["mode"] = fields.pop("lsm")
    elif isinstance(lsm, str):
        fields["lsm"] = tuple(part.strip() for part in lsm.split(","))
    elif lsm is not None:
        fields["lsm"] = tuple(lsm)
    if fields.get("mode", MODES[0]) not in MODES:
        raise ValueError(f"labelproof: marker: mode is {fields['mode']!r}; give one of {', '.join(MODES)}")
    return fields


def _nodes(nodes: Any) -> dict[str, int]:
    """Counts by role, from a mapping or from text like `oss=3,client=2`."""
    try:
        pairs = dict(nodes if isinstance(nodes, Mapping) else (part.split("=") for part in nodes.split(",")))
        counts = {str(role).strip(): int(count) for role, count in pairs.items()}
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            f"labelproof: marker: nodes is {nodes!r}; give counts by role, as 'mds=1,oss=3,client=2' or {{'client': 3}}"
        ) from None
    for role in counts:
        if role not in ROLES:
            raise ValueError(f"labelproof: marker: nodes: {role!r} is no role; there are {', '.join(ROLES)}")
    return counts
