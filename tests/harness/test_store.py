"""The run store: names, the link, what prune takes."""

from pathlib import Path

import pytest

from harness import store
from harness.store import Store


def test_a_run_is_a_folder_with_the_link_to_it(tmp_path: Path) -> None:
    """A new run is the latest, and version control ignores all of it."""
    home = Store(tmp_path / ".labelproof")

    run = home.create()

    assert (run.path / "logs").is_dir()
    assert (home.runs_folder / "latest").resolve() == run.path.resolve()
    assert (home.root / ".gitignore").read_text().endswith("*\n")


def test_a_run_is_found_by_latest_id_end_of_id_and_path(tmp_path: Path) -> None:
    """Four ways to name the same run."""
    home = Store(tmp_path)
    run = home.create()

    found = [home.find(name).path.resolve() for name in ("latest", run.id, run.id[-6:], str(run.path))]

    assert found == [run.path.resolve()] * 4


@pytest.mark.parametrize("name", ["latest", "nonesuch", ""])
def test_an_unknown_run_says_how_to_find_one(tmp_path: Path, name: str) -> None:
    """Also in a store without any run."""
    with pytest.raises(LookupError, match="labelproof list runs"):
        Store(tmp_path).find(name)


def test_prune_keeps_the_newest(tmp_path: Path) -> None:
    """Old runs go, what is not a run stays, and a dry run changes nothing."""
    home = Store(tmp_path)
    for number in range(4):
        (home.runs_folder / f"2026010{number}T000000Z-00000{number}").mkdir(parents=True)
    (home.runs_folder / "mine").mkdir()

    planned = home.prune(1, dry_run=True)
    still = len(home.runs())
    gone = home.prune(1)

    assert planned == gone
    assert (len(gone), still) == (3, 4)
    assert [run.id for run in home.runs()] == ["20260103T000000Z-000003"]
    assert (home.runs_folder / "mine").is_dir()


def test_a_discarded_run_gives_the_link_back(tmp_path: Path) -> None:
    """After a run that came to nothing `latest` is the one before, or nothing."""
    home = Store(tmp_path)
    first = home.create()
    second = home.create()
    before, after = sorted([first, second], key=lambda run: run.id)

    home.discard(after)
    latest = home.find("latest").path.resolve()
    home.discard(before)

    assert latest == before.path.resolve()
    assert not (home.runs_folder / "latest").is_symlink()


def test_the_parts_of_a_run_are_its_clusters(tmp_path: Path) -> None:
    """Each folder with a history is judged by itself."""
    run = Store(tmp_path).create()
    for name in ("history", "cluster-2/history", "logs/history"):
        (run.path / name).mkdir(parents=True)

    assert run.parts() == [run.path, run.path / "cluster-2"]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """It names the place; what to do about it, whoever asks knows."""
    assert store.shortage(tmp_path / "not" / "there", 1) is None
    lacking = store.shortage(tmp_path, 1 << 62)

    assert lacking is not None
    assert lacking.startswith(str(tmp_path))
    assert lacking.endswith(" are needed")
