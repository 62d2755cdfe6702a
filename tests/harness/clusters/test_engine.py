"""Where the engine is, whether it answers, and whose what is on it is; no engine is needed for that."""

import hashlib
import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import owner
from harness.clusters import engine
from harness.clusters.errors import ClusterError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings but the test's."""
    for name in [name for name in os.environ if name.startswith("DOCKER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def context(home: Path, name: str, host: str) -> None:
    """As `docker context create` keeps it, and `docker context use` chooses it."""
    (home / "config.json").write_text(json.dumps({"currentContext": name}))
    meta = home / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": False}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))


@pytest.mark.parametrize("state", ["absent", "dead", "another", "far"])
def test_where_no_engine_answers_that_is_said_at_once(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with where and what to do, in less time than importing the SDK takes."""
    path, begin = str(tmp_path / "sock"), time.monotonic()
    with socket.socket(socket.AF_UNIX) as there, socket.create_server(("127.0.0.1", 0)) as closed:
        if state != "absent":
            there.bind(path)
        if state == "another":
            there.listen()
            monkeypatch.setattr(engine, "PING_S_MAX", 0.1)
        url = f"unix://{path}"
        if state == "far":
            url = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
            closed.close()
        monkeypatch.setenv("DOCKER_HOST", url)

        problem = engine.problem()

    assert problem is not None
    assert url in problem
    assert "tools/engine-up" in problem
    assert "\n" not in problem
    assert time.monotonic() - begin < 0.3
    with pytest.raises(ClusterError, match="no container engine answers"):
        engine.connect()


@pytest.mark.parametrize(("answer", "engine_there"), [(b"HTTP/1.0 200 OK", True), (b"HTTP/1.1 404 Not Found", False)])
def test_what_answers_by_tcp_has_to_be_an_engine(
    answer: bytes, engine_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything may listen at an address; with TLS it is for the SDK to find out, which has the keys."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.getsockname()[1]}")
        served = threads.submit(_served, server, answer)

        problem = engine.problem()

        assert served.result(5).startswith(b"GET /_ping")
        assert (problem is None) is engine_there
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        assert engine.problem() is None


def _served(server: socket.socket, answer: bytes) -> bytes:
    connection, _ = server.accept()
    with connection:
        asked = connection.recv(4096)
        connection.sendall(answer + b"\r\n\r\n")
    return asked


def test_no_engine_over_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said at once, with two ways that there are."""
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@lab")

    told = str(engine.problem())

    assert told.startswith("engines are not used over ssh (ssh://me@lab); run on lab itself")
    assert "DOCKER_HOST=tcp://lab:2376" in told


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked of an engine."""
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: None)

    assert engine.problem() == "the docker SDK is not installed; pip install docker"


def test_the_context_in_use_says_where(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the docker command: DOCKER_HOST before DOCKER_CONTEXT before the one chosen; the default needs nothing."""
    assert "DOCKER_HOST" not in engine.environment()
    context(home, "lab", "tcp://lab:2375")
    chosen = engine.environment()
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    default = engine.environment()
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    named = engine.environment()["DOCKER_HOST"]
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere")

    assert (chosen["DOCKER_HOST"], default, named) == ("tcp://lab:2375", {"DOCKER_CONFIG": str(home)}, "tcp://lab:2375")
    assert engine.environment()["DOCKER_HOST"] == "unix:///elsewhere"


def test_a_context_is_found_without_any_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has made one and chooses it by the variable need not have a config.json."""
    context(home, "lab", "tcp://lab:2375")
    (home / "config.json").unlink()
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")

    assert engine.environment()["DOCKER_HOST"] == "tcp://lab:2375"


def test_a_contexts_keys_come_along(home: Path) -> None:
    """An engine that is reached by TLS is so by whatever is started with the variables."""
    context(home, "lab", "tcp://lab:2376")
    keys = home / "contexts" / "tls" / hashlib.sha256(b"lab").hexdigest() / "docker"
    keys.mkdir(parents=True)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (keys / name).touch()

    found = engine.environment()

    assert (found["DOCKER_CERT_PATH"], found["DOCKER_TLS_VERIFY"]) == (str(keys), "1")


def test_a_context_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how to see those there are."""
    monkeypatch.setenv("DOCKER_CONTEXT", "nonesuch")

    assert "nonesuch" in (engine.problem() or "")
    with pytest.raises(ClusterError, match=r"no docker context 'nonesuch'; .*context ls"):
        engine.environment()


def test_what_is_ours_is_not_abandoned() -> None:
    """The labels say the run, the cluster, this process, and until when."""
    labels = engine.labels("run1", "c1")

    assert (labels["labelproof.run"], labels["labelproof.cluster"]) == ("run1", "c1")
    assert int(labels["labelproof.lease"]) > time.time()
    assert not engine.abandoned(labels)


@pytest.mark.parametrize(
    ("place", "pid", "start", "lease", "abandoned"),
    [
        ("here", "mine", 0, 10, False),
        ("here", "mine", -1, 10, True),
        ("here", "4194305", 0, 10, True),
        ("here", "mine", 0, -10, False),
        ("elsewhere", "4194305", 0, 10, False),
        ("elsewhere", "mine", 0, -10, True),
        ("here", "nobody", 0, -10, False),
    ],
    ids=["lives", "pid given again", "dead", "lives past its lease", "cannot be seen", "lease over", "not our words"],
)
def test_whose_owner_is_gone(place: str, pid: str, start: int, lease: int, abandoned: bool) -> None:
    """Where the owner can be seen it decides; elsewhere the lease does; who says no owner may be anybody's."""
    mine = engine.labels("r", "c")["labelproof.owner"].partition(":")[0]
    who = str(os.getpid()) if pid == "mine" else pid
    begun = owner.start_time(os.getpid()) + start
    labels = {
        "labelproof.owner": f"{mine if place == 'here' else 'boot.1'}:{who}:{begun}",
        "labelproof.lease": str(int(time.time()) + lease),
    }

    assert engine.abandoned(labels) is abandoned
