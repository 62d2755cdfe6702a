"""Folders with a living owner."""

import os
import subprocess
from pathlib import Path

from harness import owner


def test_a_folder_of_a_living_process_stays(tmp_path: Path) -> None:
    """prune leaves the folders of running clusters alone."""
    folder = owner.make("r1", tmp_path)

    removed = owner.prune(tmp_path)

    assert removed == []
    assert folder.is_dir()
    assert folder.name.startswith("labelproof-r1.")


def test_a_folder_whose_owner_has_ended_goes(tmp_path: Path) -> None:
    """prune removes what a killed harness left, with what is in it."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    folder = tmp_path / f"labelproof-r1.{owner.place()}.{ended.pid}.1.abc"
    (folder / "mds0").mkdir(parents=True)
    (folder / "mds0" / "data").write_text("x")

    removed = owner.prune(tmp_path)

    assert removed == [folder]
    assert not folder.exists()


def test_a_pid_given_again_is_not_the_owner(tmp_path: Path) -> None:
    """A living process with the owner's pid but another start time does not keep the folder."""
    folder = tmp_path / f"labelproof-r1.{owner.place()}.{os.getpid()}.{owner.start_time(os.getpid()) - 1}.abc"
    folder.mkdir()

    removed = owner.prune(tmp_path)

    assert removed == [folder]


def test_an_owner_that_has_ended_keeps_nothing_while_nobody_waits_for_it(tmp_path: Path) -> None:
    """A killed run's orphans are whoever's who adopts them, and he may take his time."""
    ended = subprocess.Popen(["sleep", "60"])
    start = owner.start_time(ended.pid)
    folder = tmp_path / f"labelproof-r1.{owner.place()}.{ended.pid}.{start}.abc"
    folder.mkdir()
    assert owner.alive(folder)

    ended.kill()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)

    assert owner.start_time(ended.pid) == start
    assert owner.prune(tmp_path) == [folder]
    ended.wait()


def test_an_owner_who_cannot_be_seen_has_a_lease(tmp_path: Path) -> None:
    """Where containers share a temporary folder, pids of one mean nothing in another: a day is what its folder has."""
    foreign, old = tmp_path / "labelproof-r1.00000000.1.1.abc", tmp_path / "labelproof-r1.00000000.1.1.def"
    foreign.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))

    assert owner.prune(tmp_path) == [old]
    assert foreign.is_dir()


def test_one_for_a_block(tmp_path: Path) -> None:
    """It has an owner while the block runs, and is gone after it."""
    with owner.owned("diff", tmp_path) as folder:
        (folder / "first").touch()
        assert owner.alive(folder)
        assert owner.dead(tmp_path) == []

    assert not list(tmp_path.iterdir())


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    """A folder with the prefix whose name says no owner may be anybody's."""
    (tmp_path / "labelproof-of-somebody").mkdir()

    assert owner.prune(tmp_path) == []
