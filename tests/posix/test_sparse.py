"""Data and holes of a file: found where the local filesystem has them, over all objects of the file."""

import os
import random

import pytest
from posixdiff.generate import ALWAYS
from posixdiff.steps import Step

FILES, STEPS = 12, 60
PUNCH = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
EDGES = (0, 1, 4095, 4096, 4097, 8192, 10000, 12288, 16384, 20480, 30000, 40960)


@pytest.mark.parametrize("number", range(FILES))
def test_data_and_holes_are_where_linux_finds_them(pair, posix_seed, number):
    """Random writes, holes and ends of one file, and a look for data or a hole after each; also where there is none.

    Nothing is set aside by fallocate: what ext4 has set aside is a hole until it is read, and data from then on.
    """
    rng = random.Random(f"{posix_seed}:{number}")
    made = Step("owner", "open", {"path": "f", "flags": os.O_RDWR | os.O_CREAT | ALWAYS, "mode": 0o644, "into": 0})

    found = pair.run([made, *(step for _ in range(STEPS) for step in _changed_and_looked_at(rng))])

    assert found is None, str(found)


def _changed_and_looked_at(rng):
    at, length = rng.choice(EDGES), rng.choice((1, 100, 4096, 5000, 9000))
    yield Step("owner", *rng.choice((
        ("pwrite", {"fd": 0, "data": b"x" * length, "offset": at}),
        ("ftruncate", {"fd": 0, "length": at}),
        ("fallocate", {"fd": 0, "mode": PUNCH, "offset": at, "length": length}),
    )))  # fmt: skip
    for whence in (os.SEEK_DATA, os.SEEK_HOLE):
        yield Step("owner", "lseek", {"fd": 0, "offset": rng.choice((*EDGES, at + length, -1)), "whence": whence})
