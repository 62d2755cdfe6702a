"""The lives of a node that runs already: what each begins with, and what stays of the one before."""

from dataclasses import replace
from pathlib import Path

import pytest

from host import lives
from host.config import NodeConfig
from host.lives import Life, Lives


@pytest.fixture
def own(config: NodeConfig, tmp_path: Path) -> NodeConfig:
    (tmp_path / "names").mkdir()
    return replace(config, listen="0.0.0.0:7000", runtime="compose", clock_domain="here")


@pytest.fixture
def wanted(config: NodeConfig) -> NodeConfig:
    """What a run asks for: of another cluster, with other keys and paths, none of which may count."""
    away = Path("/nonexistent")
    return replace(config, cluster="theirs", key=b"-", data_dir=away, history=away, audit=away, seed=7, ephemeral=True)


def test_a_run_decides_what_it_tests(own, wanted, tmp_path) -> None:
    """Seed, modules and the like are the run's; who the node is, its keys, its address and its folders are its own."""
    node = Lives(own, tmp_path)

    node.begin(Life("r1", "t", wanted.to_json()))

    found, folder = node.config(), tmp_path / "lives" / "r1"
    assert found.seed == 7
    assert (found.cluster, found.key, found.listen, found.runtime) == ("lp", own.key, "0.0.0.0:7000", "compose")
    assert (found.clock_domain, found.ephemeral) == ("here", False)
    assert found.data_dir == folder / "mds0"
    assert (found.history, found.audit) == (folder / "history" / "mds0.jsonl", folder / "audit" / "mds0.log")


def test_nothing_is_recorded_unless_the_run_wants_it(own, wanted, tmp_path) -> None:
    """A benchmark's node keeps no history."""
    node = Lives(own, tmp_path)

    node.begin(Life("r1", "t", replace(wanted, history=None).to_json()))

    assert node.config().history is None


def test_a_restart_is_no_new_life(own, wanted, tmp_path) -> None:
    """The process that comes back has the life that the one before was given."""
    Lives(own, tmp_path).begin(Life("r1", "t", wanted.to_json()))

    again = Lives(own, tmp_path)

    assert again.life == Life("r1", "t", wanted.to_json())
    assert again.config().seed == 7


def test_the_newest_stores_are_kept(own, wanted, tmp_path) -> None:
    """A run finds an empty store; of earlier ones the newest stay, with their histories, and the others' files go."""
    node = Lives(own, tmp_path)
    for number in range(lives.KEPT_MAX + 2):
        node.begin(Life(f"r{number}", str(number), wanted.to_json()))
        found = node.config()
        assert not found.data_dir.exists()
        found.data_dir.mkdir()
        found.history.write_text("")

    kept = sorted(path.name for path in (tmp_path / "lives").iterdir())

    assert kept == ["r2", "r3", "r4"]
    assert all((tmp_path / "lives" / run / "history" / "mds0.jsonl").exists() for run in kept)


def test_others_of_the_run_stay(own, wanted, tmp_path) -> None:
    """Replicas share the volume: what another node of an old run has there is its own to remove."""
    node = Lives(own, tmp_path)
    other = tmp_path / "lives" / "r0" / "mds1"
    other.mkdir(parents=True)
    for number in range(lives.KEPT_MAX + 1):
        node.begin(Life(f"r{number}", str(number), wanted.to_json()))
        node.config().data_dir.mkdir()
    node.begin(Life("last", "last", wanted.to_json()))

    assert other.is_dir()
    assert not (tmp_path / "lives" / "r0" / "mds0").exists()


@pytest.mark.parametrize("run", ["", "..", "../x", "a/b", ".hidden", "x" * 200])
def test_a_run_names_no_path(own, wanted, tmp_path, run) -> None:
    """The name becomes a folder, so it may lead nowhere else; the life before goes on."""
    node = Lives(own, tmp_path)

    with pytest.raises(ValueError, match="a run is named by"):
        node.begin(Life(run, "t", wanted.to_json()))

    assert node.life == Life()


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"name": "mds1"}, "this is mds mds0, not mds mds1"), ({"lsm": ("capability", "smock")}, "no LSM module")],
)
def test_what_it_cannot_be(own, wanted, tmp_path, changes, why) -> None:
    """Refused before anything ends; the life before goes on, also after a restart."""
    node = Lives(own, tmp_path)

    with pytest.raises(ValueError, match=why):
        node.begin(Life("r1", "t", replace(wanted, **changes).to_json()))

    assert node.life == Lives(own, tmp_path).life == Life()


def test_a_damaged_file(own, tmp_path) -> None:
    """It is named, with the remedy."""
    (tmp_path / "names" / "mds0.json").write_text("{")

    with pytest.raises(ValueError, match=r"mds0\.json does not tell the node's life .*; remove it"):
        Lives(own, tmp_path)
