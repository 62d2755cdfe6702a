"""Tests of every part may import what is in tests/shared."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "shared"))
