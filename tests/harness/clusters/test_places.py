"""The containers of a compose project, on an engine that a test makes up."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness.clusters.errors import ClusterError
from harness.clusters.places import Project
from harness.clusters.raised import labelled
from harness.containers.labels import ONEOFF, PROJECT, SERVICE

WANTED = {"mds": 1, "oss": 1, "client": 1}


class Api:
    """Containers by id, and what was asked to be done to them."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.found = [self.one("m", "mds", "10.0.0.2"), self.one("o", "oss", "10.0.0.3"), self.one("c", "client", "")]

    def one(self, ident: str, service: str, ip: str, state: str = "running") -> dict[str, Any]:
        networks = {"lab": {"IPAddress": ip}, "other": {"IPAddress": ""}}
        return {
            "Id": ident, "Names": [f"/lab_{service}_1"], "State": state, "Status": f"{state} since then",
            "Labels": {SERVICE: service}, "NetworkSettings": {"Networks": networks},
        }  # fmt: skip

    def containers(self, all: bool, filters: dict[str, Any]) -> list[dict[str, Any]]:
        assert filters == {"label": [f"{PROJECT}=lab", f"{ONEOFF}=False"]}
        return self.found

    def __getattr__(self, name: str) -> Any:
        return lambda ident, **options: self.done.append((name, ident))


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def project(api: Api) -> Project:
    return Project(SimpleNamespace(api=api), "lab")


def test_where_its_nodes_are(project, api) -> None:
    """Running containers of the three services that have an address; other services are nobody's business."""
    api.found += [api.one("d", "database", "10.0.0.9"), api.one("o2", "oss", "10.0.0.4", "exited")]

    assert project.candidates() == ["10.0.0.2:7000", "10.0.0.3:7000"]


def test_as_many_as_are_wanted(project, api) -> None:
    """Too many, too few, or none at all: said before anything is touched."""
    project.open(WANTED)
    with pytest.raises(ClusterError, match=r"project lab runs 1 oss and 2 are wanted; .*-p lab up -d --scale oss=2"):
        project.open(WANTED | {"oss": 2})
    api.found.append(api.one("o2", "oss", "10.0.0.4"))
    with pytest.raises(ClusterError, match="runs 2 oss and 1 are wanted"):
        project.open(WANTED)
    api.found = [api.one("m", "mds", "", "exited")]
    with pytest.raises(ClusterError, match="project lab does not run on this engine"):
        project.open(WANTED)


def test_what_a_killed_harness_left_goes_on(project, api) -> None:
    """Paused before ended, and no more than are wanted."""
    api.found[1]["State"] = "paused"
    api.found += [api.one("o2", "oss", "", "exited"), api.one("o3", "oss", "", "exited")]

    with pytest.raises(ClusterError):  # this engine does as it is told, and still says what it said
        project.open(WANTED | {"oss": 2})

    assert api.done == [("unpause", "o"), ("start", "o2")]


def test_what_ended_by_itself(project, api) -> None:
    """A container that nobody of ours ended explains a call that found nobody."""
    project.candidates()
    project.end("10.0.0.2:7000", kill=True)
    api.found[0]["State"] = "exited"

    ours = project.fallen()
    api.found[1]["State"] = "exited"

    assert ours is None
    assert project.fallen() == "container lab_oss_1 ended: running since then"


def test_it_is_left_as_it_was_found(project, api) -> None:
    """What was killed or paused runs again; what goes on already is left alone."""
    project.candidates()
    project.pause("10.0.0.3:7000")
    container = project.end("10.0.0.2:7000")
    project.begin(container)
    project.end("10.0.0.2:7000", kill=True)

    project.close()
    project.close()

    assert api.done == [
        ("pause", "o"), ("stop", "m"), ("start", "m"), ("kill", "m"), ("wait", "m"), ("unpause", "o"), ("start", "m"),
    ]  # fmt: skip


def test_a_paused_container_that_is_ended(project, api) -> None:
    """It has to go on first: nothing that is frozen hears a signal."""
    project.candidates()
    project.pause("10.0.0.3:7000")

    project.end("10.0.0.3:7000")

    assert [what for what, _ in api.done] == ["pause", "unpause", "stop"]


def test_our_labels_are_laid_over_a_file(tmp_path) -> None:
    """On whatever it declares, and nothing else of it is changed."""
    file = tmp_path / "c.yml"
    file.write_text("services: {mds: {image: i}}\nvolumes: {mds: }\n")

    found = labelled(file, {"a": "b"})

    assert found == {
        "services": {"mds": {"labels": {"a": "b"}, "healthcheck": {"disable": True}}},
        "networks": {}, "volumes": {"mds": {"labels": {"a": "b"}}},
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a: [", "3", None])
def test_a_file_that_is_none(tmp_path, text) -> None:
    """It is named."""
    file = tmp_path / "c.yml"
    if text is not None:
        file.write_text(text)

    with pytest.raises(ClusterError, match=r"c\.yml is no compose file"):
        labelled(file, {})
