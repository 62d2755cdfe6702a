"""A compose project, with a tool that a test makes up."""

import os
import subprocess
from pathlib import Path

import pytest

from harness import choices
from harness.clusters.errors import ClusterError
from harness.containers import certs, project
from harness.containers.project import Project

TOOL = """#!/bin/sh
echo "$@" >> "$LOG"
echo "secrets=$LABELPROOF_SECRETS uid=$LABELPROOF_UID" >> "$LOG"
case "$*" in *broken*) echo "ERROR: it is broken" >&2; exit 1;; esac
"""


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """What the tool was told, line by line."""
    tool = tmp_path / "compose"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv(project.TOOL_VARIABLE, str(tool))
    return lambda: (tmp_path / "log").read_text().splitlines()


def test_up_and_down(heard, tmp_path) -> None:
    """The files in their order, the project's name, so many of each; down takes volumes and orphans along."""
    made = Project("lab", Path("c.yml"), {"LABELPROOF_SECRETS": "/s"}, (Path("over.json"),))

    made.up({"oss": 3, "client": 1})
    made.down()

    assert heard() == [
        "-f c.yml -f over.json -p lab up -d --no-build --scale oss=3 --scale client=1", "secrets=/s uid=",
        "-f c.yml -f over.json -p lab --profile harness down --volumes --remove-orphans --timeout 10",
        "secrets=/s uid=",
    ]  # fmt: skip


def test_one_run_of_a_service(heard) -> None:
    """In a container whose name we know, without a terminal."""
    made = Project("lab", Path("c.yml"))
    code = made.begin("lab-harness", "harness", ["run", "mediation"], {"LABELPROOF_TYPED": "x"}).wait(10)

    assert code == 0
    assert (
        heard()[0] == "-f c.yml -p lab run -T --no-deps -e LABELPROOF_TYPED=x --name lab-harness harness run mediation"
    )


def test_what_the_tool_says(heard) -> None:
    """Its own last words, in one line."""
    with pytest.raises(ClusterError, match=r"^up of project broken: ERROR: it is broken$"):
        Project("broken", Path("c.yml")).up()


def test_which_tool(monkeypatch, tmp_path) -> None:
    """The one given, docker-compose, docker's plugin; none: what to do."""
    monkeypatch.delenv(project.TOOL_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="there is neither docker-compose nor `docker compose` here"):
        project.tool()
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "docker").chmod(0o755)
    plugin = project.tool()
    (tmp_path / "docker-compose").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "docker-compose").chmod(0o755)
    first = project.tool()
    monkeypatch.setenv(project.TOOL_VARIABLE, "mine --verbose")

    assert (plugin, first) == (["docker", "compose"], ["docker-compose"])
    assert project.tool() == ["mine", "--verbose"]


def test_which_file(monkeypatch, tmp_path) -> None:
    """The one given, the environment's, the one here, our own; a name that leads nowhere is told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(project.FILE_VARIABLE, raising=False)
    own = project.file()
    (tmp_path / "docker-compose.yml").touch()
    here = project.file()
    (tmp_path / "b.yml").touch()
    monkeypatch.setenv(project.FILE_VARIABLE, "b.yml")
    named = project.file()

    assert (own.name, own.parent) == ("docker-compose.yml", Path(project.__file__).parents[2])
    assert (here, named) == (tmp_path / "docker-compose.yml", tmp_path / "b.yml")
    with pytest.raises(ClusterError, match="there is no nonesuch; run from the sources"):
        project.file("nonesuch")


def test_who_reads_the_secrets(tmp_path) -> None:
    """Containers run as the owner of the files; root's own are given to the image's user."""
    certs.make(tmp_path, "lab", {"mds": 1})
    made = project.environment(tmp_path)
    owner = certs.IMAGE_USER if os.geteuid() == 0 else os.geteuid()

    assert made == {"LABELPROOF_SECRETS": str(tmp_path), "LABELPROOF_UID": str(owner)}


def test_how_many_nodes() -> None:
    """Those named, the others as they are by default; anything else is told with an example."""
    assert choices.counts() == {"mds": 1, "oss": 2, "client": 2}
    assert choices.counts("oss=3, client=4") == {"mds": 1, "oss": 3, "client": 4}
    for text in ("oss", "oss=", "oss=three", "disk=2"):
        with pytest.raises(ValueError, match="is no count; give as many as are wanted, as in oss=3,client=4"):
            choices.counts(text)


def test_ctrl_c_does_not_reach_the_tool(heard, monkeypatch) -> None:
    """It has a session of its own: we end what it runs in good order."""
    seen = {}
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: seen.update(options) or real(["true"]))

    Project("lab", Path("c.yml")).begin("x", "harness", []).wait()

    assert seen["start_new_session"] is True
