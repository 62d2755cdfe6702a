"""One cluster in the simulator for all cases, and files written for one test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import profile
from harness.cases import runner
from harness.cases.read import read
from harness.clusters import RUNTIMES, Cluster
from harness.policy import Policy
from harness.spec import ClusterSpec

ROOT = Path(__file__).resolve().parents[3]
TARGETED = profile.of("targeted")


@pytest.fixture(scope="session")
def examples() -> list[Path]:
    """The files that users copy."""
    return sorted((ROOT / "docs" / "examples").glob("*.labels.yaml"))


@pytest.fixture(scope="session")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example of docs/cases.md, as a file."""
    text = (ROOT / "docs" / "cases.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    path = tmp_path_factory.mktemp("documented") / "documented.labels.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a case into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = tmp_path / "case.labels.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    policy = Policy.own("targeted", cache=tmp_path_factory.mktemp("cache"))
    spec = ClusterSpec(policy=policy, root_context=TARGETED.root)
    found = RUNTIMES["sim"]().start(spec, tmp_path_factory.mktemp("run"))
    yield found
    found.stop()


@pytest.fixture
def outcome(write: Callable[[str], Path], cluster: Cluster) -> Callable[[str], list[str]]:
    """What is wrong with a case, after it has run."""
    return lambda text: runner.run(read(write(text), TARGETED), cluster)
