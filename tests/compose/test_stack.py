"""The stack file on a swarm of one machine: deployed, a suite run against it, everything removed again."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.containers import certs, stack

FILE = Path(__file__).parents[2] / "docker-compose.yml"
NAME = "labelproofstacktest"
GONE_S_MAX = 60
LOOPBACK = ["--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377"]


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def wanting(*words: str) -> bool:
    """Whether something is still listed."""
    return bool(docker(*words))


@pytest.fixture
def swarm(there) -> Iterator[None]:
    """A swarm of our own, which is left and forgotten with the test; one that is there already is not touched."""
    state = there.api.info()["Swarm"]["LocalNodeState"]
    if state != "inactive":
        pytest.skip(f"the engine is in a swarm already ({state}); this test would have to leave it")
    had_bridge = wanting("network", "ls", "-q", "--filter", "name=^docker_gwbridge$")
    docker("swarm", "init", *LOOPBACK)
    try:
        yield
    finally:
        docker("swarm", "leave", "--force")
        if not had_bridge:
            docker("network", "rm", "docker_gwbridge")


@pytest.fixture
def deployed(swarm, image, tmp_path, monkeypatch) -> Iterator[Path]:
    """The stack; its folder has the secrets. What swarm keeps after `stack rm` is removed too."""
    certs.make(tmp_path / "secrets", "lab", {"mds": 1, "oss": 2, "client": 2})
    (tmp_path / "stack.yml").write_text(stack.text(FILE))
    monkeypatch.setenv("LABELPROOF_SECRETS", str(tmp_path / "secrets"))
    monkeypatch.setenv("LABELPROOF_IMAGE", image)
    monkeypatch.setenv("LABELPROOF_UID", str((tmp_path / "secrets" / certs.CA).stat().st_uid))
    mine = f"label=com.docker.stack.namespace={NAME}"
    try:
        docker("stack", "deploy", "--resolve-image", "never", "-c", str(tmp_path / "stack.yml"), NAME)
        yield tmp_path
    finally:
        docker("stack", "rm", NAME)
        deadline = time.monotonic() + GONE_S_MAX
        while wanting("ps", "-aq", "--filter", mine) or wanting("network", "ls", "-q", "--filter", mine):
            assert time.monotonic() < deadline, "the stack does not go"
            time.sleep(0.3)
        for volume in docker("volume", "ls", "-q", "--filter", mine).split():
            docker("volume", "rm", volume)


def test_a_suite_against_a_stack(deployed, image, left) -> None:
    """From a container on the stack's network: every replica is found by its service's name and has its own."""
    results = deployed / "results"
    results.mkdir()
    results.chmod(0o777)
    owner = str((deployed / "secrets" / certs.CA).stat().st_uid)

    done = subprocess.run(
        [
            "docker", "run", "--rm", "--network", f"{NAME}_cluster", "--user", owner,
            "-v", f"{deployed}/secrets:/run/secrets:ro", "-v", f"{results}:/results", "--entrypoint", "labelproof",
            "-e", "LABELPROOF_RUNTIME=compose", "-e", "LABELPROOF_CLUSTER=mds:7000,oss:7000,client:7000",
            "-e", "LABELPROOF_SECRETS=/run/secrets", image, "--store", "/results",
            "run", "create_labels", "-k", "test_labels_in_a_listing", "--json",
        ],
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "pass"
    histories = {path.name for path in results.glob("runs/*/history/*.jsonl")}
    assert histories == {f"{n}.jsonl" for n in ("harness", "mds0", "oss0", "oss1", "client0", "client1")}
