"""Whether Labelproof's packages, whose names are ordinary ones, are what an import of these names gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("client", "harness", "host", "ldlm", "lsm", "mds", "oss", "rpc", "sepol")


def hidden() -> str | None:
    """The sentence about the first package of ours that another one hides, or None."""
    here = Path(__file__).resolve().parent.parent
    roots = {here, here.parent} if here.name == "proto" else {here}
    for name in PACKAGES:
        origin = _origin(name)
        if origin is None or origin.parent.parent not in roots:
            found = f"comes from {origin}" if origin else "is not found"
            return (
                f"labelproof: the package {name!r} {found}, not from labelproof; run these tests with"
                f" `labelproof run PATH`, or rename that package"
            )
    return None


def _origin(name: str) -> Path | None:
    """The __init__.py that `import name` would load."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # imported already, and without a spec
        return None
    return Path(spec.origin).resolve() if spec and spec.origin else None
