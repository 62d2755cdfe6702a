"""Subnets and image of a cluster of containers, without a cluster."""

import os
import shutil
import tarfile
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.clusters import docker_image, docker_networks, docker_sources, engine
from harness.clusters.engine import Engine
from harness.clusters.errors import ClusterError

ROOT = Path(__file__).parents[3]


class Networks:
    """An engine's networks: `taken` are subnets that it refuses though nobody sees them."""

    def __init__(self, there: list[str], taken: int = 0) -> None:
        self.there = there
        self.taken = taken
        self.made: list[str] = []

    def networks(self) -> list[dict[str, Any]]:
        return [{"IPAM": {"Config": [{"Subnet": subnet}]}} for subnet in self.there] + [{"IPAM": {"Config": None}}]

    def create_network(self, name: str, ipam: Any, **options: object) -> dict[str, str]:
        if self.taken:
            self.taken -= 1
            raise docker.errors.APIError("403", explanation="Pool overlaps with other one on this address space")
        self.made.append(ipam["Config"][0]["Subnet"])
        return {"Id": "n1"}


def on(api: Any) -> Engine:
    return Engine(api, "E", "127.0.0.1", local=True, shares_files=True, environ={})


@pytest.mark.parametrize(("nodes", "prefix"), [(1, 27), (29, 27), (30, 26), (200, 24)])
def test_a_subnet_is_as_small_as_the_nodes_let_it(nodes: int, prefix: int) -> None:
    """It has an address for each node, the gateway's and the two that nobody has."""
    api = Networks([])

    network = docker_networks.make(on(api), "net", {}, nodes)

    assert network.subnet.prefixlen == prefix
    assert network.subnet.subnet_of(docker_networks.RANGE)
    addresses = {network.address(number) for number in range(nodes)}
    assert len(addresses) == nodes
    assert not addresses & {str(network.subnet[number]) for number in (0, 1, -1)}


def test_what_others_have_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another network's subnet, nor where this machine has a route to."""
    first, second = IPv4Network("198.19.0.0/17"), IPv4Network("198.19.128.0/17")
    monkeypatch.setattr(docker_networks, "_routes", lambda: [IPv4Network("198.19.192.0/18")])

    network = docker_networks.make(on(Networks([str(first), "fd00::/64"])), "net", {}, 5)

    assert network.subnet.subnet_of(second)
    assert network.subnet[0] < IPv4Network("198.19.192.0/18")[0]


def test_a_subnet_that_somebody_took_meanwhile_is_chosen_anew() -> None:
    """The engine gives each to one; who loses tries the next."""
    api = Networks([], taken=3)

    docker_networks.make(on(api), "net", {}, 5)

    assert len(api.made) == 1


def test_no_subnet_left_is_told_with_the_remedy() -> None:
    """In one line."""
    with pytest.raises(ClusterError, match=r"no subnet of 198\.19\.0\.0/16 is free .*prune"):
        docker_networks.make(on(Networks(["198.19.0.0/16"])), "net", {}, 5)


def test_room_is_what_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in subnets of the smallest size; networks elsewhere take none of them."""
    monkeypatch.setattr(docker_networks, "_routes", list)

    assert docker_networks.room(on(Networks(["10.0.0.0/8"]))) == 2048
    assert docker_networks.room(on(Networks(["198.19.0.0/27", "198.19.128.0/17"]))) == 1023


def test_this_machines_routes_are_read() -> None:
    """At least the loopback's is none of them, and each is a network."""
    assert all(route.prefixlen > 0 for route in docker_networks._routes())


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A project of two files and its Dockerfile."""
    (tmp_path / "Dockerfile").write_text("ARG BASE=python:3.11-slim-bookworm\nFROM ${BASE}\nCOPY mds /mds\n")
    (tmp_path / ".dockerignore").write_text("# comment\n*\n!mds\n!harness\n")
    for name in ("mds", "harness", "docs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(f"{tmp_path}")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "changes"),
    [("mds/file", True), ("mds/new", True), ("Dockerfile", True), ("harness/file", False), ("docs/file", False)],
)
def test_the_digest_is_of_what_nodes_run(sources: Path, path: str, changes: bool) -> None:
    """A change of anything else builds no image."""
    before = docker_sources.digest(docker_sources.files(sources))

    (sources / path).write_text("changed")

    assert (docker_sources.digest(docker_sources.files(sources)) != before) is changes


def test_an_installed_package_gives_the_same_files(tmp_path: Path) -> None:
    """What it brings along besides the packages is the same under the same names, so the image is the same one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for folder in project["packages"]:
        shutil.copytree(ROOT / folder, tmp_path / Path(folder).name, dirs_exist_ok=True)
    for source, target in project["force-include"].items():
        (tmp_path / target).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / source, tmp_path / target)

    here, installed = docker_sources.files(ROOT), docker_sources.files(tmp_path)

    assert installed.keys() == here.keys()
    assert all(installed[name].read_bytes() == here[name].read_bytes() for name in here)
    assert docker_sources.digest(installed) == docker_sources.digest(here)


def test_the_archive_is_anybodys(sources: Path) -> None:
    """Nobody's uid, and readable by every user, whatever the umask was where the sources lie."""
    (sources / "mds" / "file").chmod(0o600)

    with docker_sources.packed(docker_sources.files(sources)) as file, tarfile.open(fileobj=file) as archive:
        members = archive.getmembers()

    assert {"Dockerfile", ".dockerignore", "mds/file"} <= {member.name for member in members}
    assert {(member.uid, member.mode) for member in members} == {(0, 0o644)}


def test_without_sources_an_image_has_to_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no Dockerfile; one that is named is taken unseen."""
    with pytest.raises(ClusterError, match=r"has no Dockerfile; .*LABELPROOF_IMAGE"):
        docker_image.ready(on(None), tmp_path, tmp_path)
    monkeypatch.setenv("LABELPROOF_IMAGE", "mine:1")

    assert docker_image.ready(on(None), tmp_path, tmp_path) == "mine:1"


@pytest.fixture
def there() -> Iterator[Engine]:
    """The engine, if one answers."""
    if reason := engine.problem():
        pytest.skip(reason)
    found = engine.connect()
    yield found
    found.api.close()


def test_whoever_asks_at_once_it_is_built_once(
    there: Engine, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait, and find it; so does who asks later."""
    build, built, found = docker_image._build, [], []
    monkeypatch.setattr(docker_image, "_build", lambda *rest: (built.append(1), build(*rest)))
    workers = [
        threading.Thread(target=lambda: found.append(docker_image.ready(there, tmp_path, sources))) for _ in range(3)
    ]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    try:
        assert len(built) == 1
        assert len(set(found)) == 1
        assert docker_image.ready(there, tmp_path, sources) == found[0]
        assert there.api.inspect_image(found[0])["Config"]["Labels"]["labelproof.sources"] in found[0]
    finally:
        there.api.remove_image(found[0])


def test_an_image_that_cannot_be_built_is_told(there: Engine, sources: Path, tmp_path: Path) -> None:
    """In one line, which names the log with the engine's own words; no image is left."""
    (sources / "Dockerfile").write_text("FROM python:3.11-slim-bookworm\nRUN echo why >&2; exit 7\n")

    with pytest.raises(ClusterError) as failed:
        docker_image.ready(there, tmp_path / "logs", sources)

    assert "returned a non-zero code: 7" in str(failed.value)
    assert "\n" not in str(failed.value)
    assert "why" in (tmp_path / "logs" / "image.log").read_text()


def test_images_of_earlier_sources_go(
    there: Engine, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour later when the next is built, those of other trees by prune a day later; never what is right now."""
    first = docker_image.ready(there, tmp_path, sources)
    planned = docker_image.prune(there, sources, dry_run=True)
    (sources / "mds" / "file").write_text(f"{tmp_path} newer")
    monkeypatch.setattr(docker_image, "_KEPT_S", -60)
    monkeypatch.setattr(docker_image, "STAGE", "labelproof.nobodys")  # others may be building with theirs

    second = docker_image.ready(there, tmp_path, sources)

    try:
        assert first not in planned
        assert not docker_image._has(there, first)
        assert docker_image._has(there, second)
        monkeypatch.setattr(docker_image, "_KEPT_ELSEWHERE_S", -60)
        other = tmp_path / "other"
        shutil.copytree(sources, other, ignore=shutil.ignore_patterns("other"))
        (other / "mds" / "file").write_text(f"{tmp_path} another")
        assert second in docker_image.prune(there, other, dry_run=True)
        assert second not in docker_image.prune(there, other, elsewhere=False, dry_run=True)
    finally:
        there.api.remove_image(second)


def test_of_stages_the_newest_stays(
    there: Engine, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The legacy builder keeps one of each build, without a name: the next build begins where the newest ended."""
    stage = f"labelproof.test={tmp_path.name}-{os.getpid()}"
    text = "ARG BASE=python:3.11-slim-bookworm\nFROM ${BASE} AS build\nLABEL " + stage + "\nCOPY mds /mds\n"
    (sources / "Dockerfile").write_text(text + "FROM ${BASE}\nCOPY --from=build /mds /mds\n")
    monkeypatch.setattr(docker_image, "STAGE", stage)

    def stages() -> list[str]:
        found = there.api.images(filters={"label": stage, "dangling": True})
        return [one["Id"] for one in sorted(found, key=lambda one: one["Created"])]

    images = [docker_image.ready(there, tmp_path, sources)]
    (first,) = stages()
    (sources / "mds" / "file").write_text(f"{tmp_path} newer")
    time.sleep(1)  # images tell their age in seconds
    images.append(docker_image.ready(there, tmp_path, sources))
    both = stages()
    monkeypatch.setattr(docker_image, "_KEPT_S", -60)

    gone = docker_image.prune(there, sources, elsewhere=False)

    try:
        assert both[0] == first
        assert len(both) == 2
        assert first in gone
        assert stages() == both[1:]
    finally:
        for image in (*images, *both):
            with suppress(docker.errors.APIError):
                there.api.remove_image(image)


def test_the_base_image_that_lacks_is_named(there: Engine, sources: Path) -> None:
    """Only where it is needed: neither itself nor the image of the sources is there."""
    (sources / "Dockerfile").write_text("ARG BASE=labelproof-nonesuch:1\nFROM ${BASE}\n")

    assert docker_image.lacking(there, sources) == "labelproof-nonesuch:1"
    (sources / "Dockerfile").unlink()
    assert docker_image.lacking(there, sources) is None
