"""Debian's own policies, where they were built."""

import os
from pathlib import Path

import pytest

VARIABLE = "LABELPROOF_DEBIAN_POLICIES"


def policy(flavour: str) -> Path:
    """The file of Debian's policy `default` or `mls`; skips where there is none."""
    path = Path(os.environ.get(VARIABLE, "nowhere"), f"{flavour}.33")
    if not path.is_file():
        pytest.skip(f"no {path}: run tools/debian-policy DIR and set {VARIABLE}=DIR")
    return path
