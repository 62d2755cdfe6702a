"""What a policy file is, as libsepol reads it, and what it holds, counted as seinfo counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sepol
from harness.model import cil
from harness.policy import Policy
from harness.policytools.loaded import Loaded
from host.policy import NEEDED

# What is counted -> the statements of the flattened text that it is, in seinfo's words and order.
_COUNTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("allow rules", ("allow",)),
    ("auditallow rules", ("auditallow",)),
    ("dontaudit rules", ("dontaudit",)),
    ("extended permission rules", ("allowx", "auditallowx", "dontauditx")),
    ("type transitions", ("typetransition",)),
    ("type changes", ("typechange",)),
    ("type members", ("typemember",)),
    ("role transitions", ("roletransition",)),
    ("role allows", ("roleallow",)),
    ("range transitions", ("rangetransition",)),
    ("conditional blocks", ("booleanif",)),
    ("constraints", ("constrain", "mlsconstrain")),
    ("validatetrans rules", ("validatetrans", "mlsvalidatetrans")),
    ("default rules", ("defaultuser", "defaultrole", "defaulttype", "defaultrange")),
    ("type bounds", ("typebounds",)),
    ("initial SIDs", ("sidcontext",)),
    ("fs_use rules", ("fsuse",)),
    ("genfscon rules", ("genfscon",)),
    ("portcon rules", ("portcon",)),
)
_OURS, _NAMED_MAX = "lustre", 4
_HANDLING = {
    "allow": "that is allowed",
    "deny": "that is denied",
    "reject": "such a kernel refuses to load it, and a cluster denies that",
}
_ABSENT = "neverallow rules are checked when a policy is compiled, and are not kept in the binary"


def check(path: str, cache: Path) -> dict[str, Any]:
    """What libsepol says of a file: `accepted`, and the reason or what it read. Raises OSError, sepol.Missing."""
    try:
        with Loaded.of(path, cache) as loaded:
            return {"policy": path, "accepted": True} | _read(loaded, cache)
    except sepol.PolicyError as error:
        return {"policy": path, "accepted": False, "reason": str(error)}


def statistics(loaded: Loaded) -> dict[str, Any]:
    """What the policy holds: its head, and `counts` by kind of statement, those in conditional blocks included."""
    return _head(loaded) | {"counts": _counts(loaded), "policy capabilities": sorted(loaded.tables.policycaps)}


def _read(loaded: Loaded, cache: Path) -> dict[str, Any]:
    facts = loaded.model.facts
    lacking = sorted(NEEDED - facts.initial_sids.keys())
    notes = [_ABSENT]
    if lacking:
        notes.append(f"a cluster refuses it: it gives no context to the initial SIDs {', '.join(lacking)}")
    how = facts.fs_use[_OURS][0] if _OURS in facts.fs_use else "no rule"
    if how != "xattr":
        label = loaded.model.fs_label(_OURS)
        notes.append(
            f"the filesystem lustre has no fs_use_xattr rule ({how}): it is {label}, and its files keep labels"
        )
    if younger := list(_younger(facts.perms, cache)):
        more = f" and {len(younger) - _NAMED_MAX} more" if len(younger) > _NAMED_MAX else ""
        asked = f"{', '.join(younger[:_NAMED_MAX])}{more}"
        notes.append(f"of what Linux 6.1 asks it does not have {asked}: {_HANDLING[facts.handle_unknown]}")
    return _head(loaded) | {"permissive": sorted(facts.permissive), "notes": notes}


def _younger(perms: Mapping[str, frozenset[str]], cache: Path) -> Iterator[str]:
    """Classes, and permissions of classes, of our own policies, which have all of the kernel's, but not of this one."""
    for tclass, known in sorted(cil.read(Policy.own("targeted", cache=cache).cil).perms.items()):
        if tclass not in perms:
            yield tclass
        elif lacking := sorted(known - perms[tclass]):
            yield f"{tclass} {{ {' '.join(lacking)} }}"


def _head(loaded: Loaded) -> dict[str, Any]:
    policy, facts = loaded.policy, loaded.model.facts
    return {
        "name": policy.name,
        "digest": policy.digest,
        "size": len(policy.binary),
        "version": policy.version,
        "mls": facts.mls,
        "handle_unknown": facts.handle_unknown,
    }


def _counts(loaded: Loaded) -> dict[str, int]:
    tables = loaded.tables
    heads = Counter(line.lstrip(" (").partition(" ")[0] for line in loaded.policy.cil.splitlines())
    counts = {
        "classes": len(tables.classes),
        "permissions": len({perm for perms in tables.classes.values() for perm in perms}),
        "types": len(tables.types),
        "attributes": len(tables.attributes),
        "type aliases": len(tables.aliases),
        "roles": len(tables.roles),
        "users": len(tables.users),
        "booleans": len(tables.booleans),
        "sensitivities": len(tables.levels.sensitivities),
        "categories": heads["category"],
        "permissive types": len(tables.permissive),
    }
    counts |= {kind: sum(heads[head] for head in statements) for kind, statements in _COUNTED}
    return counts | {"file name transitions": len(tables.type_rules.named)}
