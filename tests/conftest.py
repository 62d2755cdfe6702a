"""Tests of every part may import what is in tests/shared."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "shared"))

# The background jobs of a shell, nohup's too, ignore Ctrl-C, and so does all that they start. Tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
