"""The two sides that tests/posix compares; how much of it, and from which seed.

`pytest tests/posix --posix-ops N --posix-seed S`; in a run of more than this folder LABELPROOF_POSIX_OPS and _SEED.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from posixdiff import local
from posixdiff.compare import Pair
from posixdiff.reference import Reference
from posixdiff.replica import Replica

OPS, SEED = 20_000, 1


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("posix")
    group.addoption("--posix-ops", type=int, help=f"how many random operations are compared (default {OPS})")
    group.addoption("--posix-seed", type=int, help=f"where the random sequences begin (default {SEED})")


@pytest.fixture(scope="session")
def posix_ops(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--posix-ops", None) or int(os.environ.get("LABELPROOF_POSIX_OPS", OPS))


@pytest.fixture(scope="session")
def posix_seed(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--posix-seed", None) or int(os.environ.get("LABELPROOF_POSIX_SEED", SEED))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A directory of its own on a filesystem that can be compared with."""
    base, reason = local.place()
    if base is None:
        pytest.skip(reason)
    made = Path(tempfile.mkdtemp(prefix="labelproof-posix-", dir=base))
    try:
        if not local.fine_times(made):
            pytest.skip("times of changes cannot be compared: this kernel's are too coarse (Linux 6.13 has finer ones)")
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture(scope="session")
def replica() -> Iterator[Replica]:
    """The cluster; in memory, if there is a filesystem of that, since nothing here is about its disks."""
    memory = Path("/dev/shm")  # a folder of our own is made in it
    with tempfile.TemporaryDirectory(prefix="labelproof-posix-", dir=memory if memory.is_dir() else None) as place:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "tempdir", place)
            (Path(place) / "run").mkdir()
            made = Replica(Path(place) / "run")
        yield made
        made.close()


@pytest.fixture(scope="session")
def pair(folder: Path, replica: Replica) -> Iterator[Pair]:
    """Both sides, ready to be compared."""
    reference = Reference(folder)
    made = Pair(reference, replica)
    yield made
    made.close()
    reference.close()
