"""What a node's process does about its memory."""

import subprocess
import sys

_PAGES = """
import resource
from host import memory
KEEP and memory.keep()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def large():
    return [b"x" * (1 << 20) for _ in range(8)]
large()
before = faults()
for _ in range(10):
    large()
print(faults() - before)
"""
_LEFT_OUT = """
import gc, weakref
from host import memory
class Policy:
    def __init__(self):
        self.rules = [[self] for _ in range(10_000)]
policy = Policy()
there = weakref.ref(policy)
memory.settled()
print(len(gc.get_objects()) < 1_000, gc.get_freeze_count() > 10_000)
del policy
gc.collect()
print(there() is not None)
memory.settled()
print(there() is None)
"""


def _said(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True).stdout.split()


def test_large_buffers_are_made_of_what_was_freed() -> None:
    """A megabyte that is freed and asked for again costs no page faults; without our options each page costs one."""
    (kept,), (given_back,) = _said(_PAGES.replace("KEEP", "True")), _said(_PAGES.replace("KEEP", "False"))

    assert int(kept) * 10 < int(given_back)


def test_what_lives_with_the_node_is_not_walked() -> None:
    """What was there is out of the collector's sight; what is gone since is not kept."""
    assert _said(_LEFT_OUT) == ["True"] * 4
