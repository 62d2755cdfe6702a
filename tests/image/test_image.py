"""The image: small, not root, with everything that nodes and harness need and nothing that they do not."""

import json
import re
from pathlib import Path

import pytest

from harness.clusters import docker_image, engine
from harness.clusters.engine import Engine
from harness.containers import certs

ROOT = Path(__file__).parents[2]
# Above its base: grpc, cryptography, the harness. 85 MB when this was written.
SIZE_MB_MAX = 120
LOOK = """
import ctypes, json, os, pathlib, site
ctypes.CDLL("libsepol.so.2")
here = pathlib.Path(site.getsitepackages()[0])
ours = [p for name in ("sepol", "lsm", "ldlm", "rpc", "host", "mds", "oss", "client", "harness", "labelproof")
        for p in (here / name).rglob("*")]
print(json.dumps({
    "uid": os.getuid(), "tests": [str(p) for p in ours if p.name.startswith("test_")],
    "pages": [p.name for p in ours if p.name == "report.html"], "pip": (here / "pip").exists(),
    "source": os.path.exists("/src") or os.path.exists("/build"),
    "writable": [d for d in ("/var/lib/labelproof", "/run/labelproof", "/results") if os.access(d, os.W_OK)],
}))
"""


@pytest.fixture(scope="module")
def there() -> Engine:
    if reason := engine.problem():
        pytest.skip(reason)
    return engine.connect()


@pytest.fixture(scope="module")
def image(there: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    return docker_image.ready(there, tmp_path_factory.mktemp("logs"))


def ran(there: Engine, image: str, entrypoint: list[str], *words: str, user: str = "") -> tuple[int, str]:
    """Exit code and output of a container without a network."""
    host = there.api.create_host_config(network_mode="none", cap_drop=["ALL"])
    made = there.api.create_container(
        image, list(words), entrypoint=entrypoint, user=user or None, host_config=host,
        labels=engine.labels("image", "image"),
    )  # fmt: skip
    try:
        there.api.start(made["Id"])
        code = there.api.wait(made["Id"], timeout=60)["StatusCode"]
        return code, there.api.logs(made["Id"]).decode()
    finally:
        there.api.remove_container(made["Id"], force=True, v=True)


@pytest.mark.parametrize("user", ["", "4711"])
def test_what_is_in_it(there, image, user) -> None:
    """The packages with their data, libsepol, no tests, no pip, no sources; any user can run it."""
    code, out = ran(there, image, ["python", "-P", "-c"], LOOK, user=user)

    assert code == 0, out
    found = json.loads(out)
    assert found["uid"] == int(user or certs.IMAGE_USER)
    assert found["pages"] == ["report.html"]
    assert (found["tests"], found["pip"], found["source"]) == ([], False, False)
    assert len(found["writable"]) == 3


def test_its_configuration(there, image) -> None:
    """Not root, a health check, a node by default, and the port that nodes listen at."""
    config = there.api.inspect_image(image)["Config"]

    assert config["User"] == "labelproof"
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-P", "-m", "host.health"]
    assert config["Entrypoint"] == ["python", "-P", "-m"]
    assert config["ExposedPorts"] == {"7000/tcp": {}}
    assert config["StopSignal"] == "SIGTERM"
    assert not config.get("Volumes")


def test_its_size(there, image) -> None:
    """Above the base that it was built on."""
    base = re.search(r"^ARG BASE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    sizes = [there.api.inspect_image(name)["Size"] for name in (image, base)]

    assert (sizes[0] - sizes[1]) / 1e6 < SIZE_MB_MAX


def test_a_node_without_its_secrets(there, image) -> None:
    """Says in one line what it lacks, and exits 2."""
    code, out = ran(there, image, ["python", "-P", "-m"], "oss", "--secrets", "/run/secrets/oss.json")

    assert (code, out.count("\n")) == (2, 1)
    assert "`labelproof certs` makes it" in out


def test_every_builder_takes_the_dockerfile() -> None:
    """No syntax line, which a builder without a registry could not follow; no mounts, which the legacy one has not."""
    text = (ROOT / "Dockerfile").read_text()

    assert "syntax=" not in text
    assert "--mount" not in text
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}"}
    assert f"--uid {certs.IMAGE_USER}" in text


def test_only_sources_are_sent_to_the_builder() -> None:
    """.dockerignore lets the packages pass, and what builds them; nothing else, whatever lies about."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]

    assert patterns[0] == "*"
    passed = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    assert passed == {
        "pyproject.toml", "LICENSE", "Dockerfile", ".dockerignore", "docker-compose.yml", "proto",
        "sepol", "lsm", "ldlm", "rpc", "host", "mds", "oss", "client", "harness",
    }  # fmt: skip
