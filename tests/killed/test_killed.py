"""kill -9 of a run at any moment: after `labelproof prune` and the next run, nothing of it is on the machine."""

import pytest
from killing import Ground, nothing_left


@pytest.mark.timeout(600)
def test_a_killed_run_leaves_nothing(ground: Ground) -> None:
    """Containers, networks, volumes, namespaces with their rules and queues, mounts, folders, processes."""
    ground.killed()

    code = ground.cleaned()

    assert code == 0, (ground.folder / "out").read_text()
    assert nothing_left(ground) == []
