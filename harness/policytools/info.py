"""What a policy file is, as libsepol reads it, and what it holds, counted as seinfo counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import sepol
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
_ABSENT = "neverallow rules are checked when a policy is compiled, and are not kept in the binary"


def check(path: str, cache: Path) -> dict[str, Any]:
    """What libsepol says of a file: `accepted`, and the reason or what it read. Raises OSError, sepol.Missing."""
    try:
        with Loaded.of(path, cache) as loaded:
            return {"policy": path, "accepted": True} | _read(loaded)
    except sepol.PolicyError as error:
        return {"policy": path, "accepted": False, "reason": str(error)}


def statistics(loaded: Loaded) -> dict[str, Any]:
    """What the policy holds: its head, and `counts` by kind of statement, those in conditional blocks included."""
    return _head(loaded) | {"counts": _counts(loaded), "policy capabilities": sorted(loaded.tables.policycaps)}


def _read(loaded: Loaded) -> dict[str, Any]:
    facts = loaded.model.facts
    lacking = sorted(NEEDED - facts.initial_sids.keys())
    notes = [_ABSENT]
    if lacking:
        notes.append(f"a cluster refuses it: it gives no context to the initial SIDs {', '.join(lacking)}")
    if "lustre" not in facts.fs_use:
        notes.append(f"the filesystem lustre has no fs_use rule: its label is {loaded.model.fs_label('lustre')}")
    return _head(loaded) | {"permissive": sorted(facts.permissive), "notes": notes}


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
