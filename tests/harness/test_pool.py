"""Workers of one run that boot their clusters."""

import fcntl
import os
from pathlib import Path

from harness import pool


def may_boot(run_dir: Path) -> bool:
    """Whether another worker would have its turn now."""
    folder = os.open(run_dir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(folder)
    return True


def test_one_boots_after_the_other_where_nodes_are_more_than_cores(tmp_path: Path) -> None:
    """The others wait until it is done, and only there; nothing is left in the run's folder."""
    with pool._turn(tmp_path, crowded=True):
        assert not may_boot(tmp_path)
    with pool._turn(tmp_path, crowded=False):
        assert may_boot(tmp_path)
    assert may_boot(tmp_path)
    assert list(tmp_path.iterdir()) == []
