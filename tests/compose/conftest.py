"""Compose projects on a real engine; skipped, with the reason, where there is none."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters import docker_image, engine
from harness.clusters.engine import Engine
from harness.containers import certs, project
from harness.containers.labels import PROJECT
from harness.containers.project import Project
from harness.store import Store

FILE = Path(__file__).parents[2] / "docker-compose.yml"
# The binary of Compose v2, where `docker compose` is not installed.
V2 = "LABELPROOF_COMPOSE_V2"


@pytest.fixture(scope="session")
def there() -> Engine:
    """The engine."""
    if reason := engine.problem():
        pytest.skip(reason)
    return engine.connect()


@pytest.fixture(scope="session")
def image(there: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the sources as they are, built if there is none."""
    return docker_image.ready(there, tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="session", params=["v1", "v2"])
def tool(request: pytest.FixtureRequest) -> list[str]:
    """The command of each version of Compose that is installed."""
    if request.param == "v1":
        if not shutil.which("docker-compose"):
            pytest.skip("Compose v1 is not installed: apt-get install docker-compose")
        return ["docker-compose"]
    if given := os.environ.get(V2):
        return [given]
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip(f"Compose v2 is neither a plugin of docker here, nor named by {V2}")
    return ["docker", "compose"]


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tool: list[str], image: str) -> None:
    """The tool under test, the image that is built, and nothing else of the user's."""
    for name in [name for name in os.environ if name.startswith("LABELPROOF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(project.TOOL_VARIABLE, " ".join(tool))
    monkeypatch.setenv("LABELPROOF_IMAGE", image)


@pytest.fixture
def up(environ: None, tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Brings a project up as a user does, `up(oss=3)`; it is gone with the test."""
    with ExitStack() as ended:

        def bring(**scale: int) -> Project:
            counts = {"mds": 1, "oss": 2, "client": 2} | scale
            certs.make(tmp_path / "secrets", "lab", counts, force=True)
            made = Project(f"labelprooftest{uuid.uuid4().hex[:8]}", FILE, project.environment(tmp_path / "secrets"))
            ended.callback(made.down)
            made.up(counts)
            return replace(made)

        yield bring


@pytest.fixture
def left(there: Engine) -> Iterator[Callable[[], list[str]]]:
    """What of any project is on the engine that was not there before the test."""

    def found() -> set[str]:
        api, only = there.api, {"label": PROJECT}
        return {
            *(name for one in api.containers(all=True, filters=only) for name in one["Names"]),
            *(one["Name"] for one in api.networks(filters=only)),
            *(one["Name"] for one in api.volumes(filters=only)["Volumes"] or ()),
        }

    before = found()
    return lambda: sorted(found() - before)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
