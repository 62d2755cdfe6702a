"""A node that nobody feeds on stdin: how it finds its configuration, and its name among replicas."""

import asyncio
import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import rpc
from host import standalone
from host.lives import Lives
from host.secrets import Secrets
from labelproof.v1 import standalone_pb2 as pb
from rpc import health, tls, transport_grpc

STANDALONE = pb.DESCRIPTOR.services_by_name["Standalone"]
# An app that does nothing, in a process that only knows the installed packages.
NODE = """
import rpc
from host.main import main

class App:
    last_committed = 0
    def __init__(self, node):
        self.node, self.replies = node, rpc.ReplyCache()
    def services(self):
        return []
    async def start(self):
        self.node.config.data_dir.mkdir(parents=True, exist_ok=True)
    async def stop(self):
        pass

main(App)
"""
TIMEOUT_S = 20


@pytest.fixture(scope="module")
def authority() -> tls.Ca:
    return tls.make_ca("lp")


@pytest.fixture(scope="module")
def secrets(authority) -> Secrets:
    return Secrets("lp", "oss", b"k" * 32, {name: authority.issue("oss", name) for name in ("oss0", "oss1", "oss10")})


@pytest.fixture
def file(secrets, tmp_path) -> Path:
    path = tmp_path / "oss.json"
    path.write_text(secrets.to_json())
    return path


@pytest.fixture
def start(file, tmp_path) -> Iterator:
    """Starts a node process on the shared volume; all of them are ended with the test."""
    with ExitStack() as ended:

        def start(*options: str) -> tuple[subprocess.Popen, dict]:
            command = [sys.executable, "-P", "-c", NODE]
            command += options or ["--secrets", str(file), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
            node = ended.enter_context(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            )
            ended.callback(node.kill)
            assert select.select([node.stdout], [], [], TIMEOUT_S)[0], "the node says nothing"
            line = node.stdout.readline().decode()
            return node, json.loads(line) if line.startswith("{") else {"said": line}

        yield start


def claimed(secrets, tmp_path, wanted: str = "", memory: str = "name") -> str:
    return standalone.claimed(secrets, tmp_path, wanted, tmp_path / memory)


def test_configuration_in_a_file(start, authority, config, tmp_path) -> None:
    """The same JSON as on stdin; nobody's stdin ends the node, SIGTERM does."""
    path = tmp_path / "node.json"
    path.write_text(replace(config, identity=authority.issue("mds", "mds0"), lsm=("capability",)).to_json())

    node, ready = start("--config", str(path))

    assert ready["node"] == "mds0"
    node.send_signal(signal.SIGTERM)
    assert node.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--config", "/nonexistent"], "/nonexistent: No such file or directory"),
        (["--secrets", "/nonexistent"], "`labelproof certs` makes it"),
        ([], "one of the arguments --config --secrets is required"),
    ],
)
def test_what_cannot_be_used_exits_2(options, why) -> None:
    """One line says what is wrong; there is no traceback."""
    command = [sys.executable, "-P", "-c", NODE, *(options or ["--listen", "x:1"])]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)

    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_names_go_in_the_order_of_counting(secrets, tmp_path) -> None:
    """The first free name; oss10 comes after oss1."""
    names = [claimed(secrets, tmp_path, memory=str(number)) for number in range(3)]

    assert names == ["oss0", "oss1", "oss10"]
    with pytest.raises(ValueError, match=r"all of oss0, oss1, oss10 run already .*labelproof certs --oss 4"):
        claimed(secrets, tmp_path)


def test_a_name_given(secrets, tmp_path) -> None:
    """It is that one or none: one that runs already is not given twice, and one without a certificate is none."""
    assert claimed(secrets, tmp_path, "oss1") == "oss1"
    with pytest.raises(ValueError, match="oss1 runs already"):
        claimed(secrets, tmp_path, "oss1")
    with pytest.raises(ValueError, match="the secrets have no oss7, only oss0, oss1, oss10"):
        claimed(secrets, tmp_path, "oss7")


def test_a_container_comes_back_as_who_it_was(start, secrets, tmp_path) -> None:
    """The name that it had is tried first, though a lower one is free; where it is taken, the next."""
    (tmp_path / "a").write_text("oss10")
    (tmp_path / "b").write_text("oss10")

    names = [claimed(secrets, tmp_path, memory=memory) for memory in ("a", "b")]

    assert names == ["oss10", "oss0"]
    assert (tmp_path / "b").read_text() == "oss0"


def test_replicas_share_a_volume(start) -> None:
    """Two processes get two names; the third gets the name, and the data, of the one that was killed."""
    first, ready0 = start()
    _, ready1 = start()
    first.kill()
    first.wait(TIMEOUT_S)

    _, ready2 = start()

    assert [ready["node"] for ready in (ready0, ready1, ready2)] == ["oss0", "oss1", "oss0"]


@pytest.mark.parametrize(("slot", "name"), [("1", "oss0"), ("2", "oss1")])
def test_slots_count_from_one(file, tmp_path, slot, name) -> None:
    """A task of a stack is told its slot by the environment; names count from 0."""
    found = standalone.found(["--secrets", str(file), "--data", str(tmp_path / "data")], {"LABELPROOF_SLOT": slot})

    assert isinstance(found, Lives)
    assert found.config().name == name


def test_a_slot_that_is_no_number(file, tmp_path) -> None:
    """A template that nobody filled in is told as it stands."""
    options = ["--secrets", str(file), "--data", str(tmp_path / "data"), "--slot", "{{.Task.Slot}}"]

    with pytest.raises(ValueError, match=r"slot is a number, not '\{\{\.Task\.Slot\}\}'"):
        standalone.found(options, {})


def test_the_first_life(file, tmp_path) -> None:
    """Before any run takes it the node serves, in containers' ways, and records nothing."""
    found = standalone.found(["--secrets", str(file), "--data", str(tmp_path / "data")], {})

    config = found.config()
    assert (config.cluster, config.role, config.listen, config.runtime) == ("lp", "oss", "0.0.0.0:7000", "compose")
    assert (config.history, config.audit, config.key) == (None, None, b"k" * 32)


def test_a_volume_that_cannot_be_written(file) -> None:
    """It is named, with the reason."""
    with pytest.raises(ValueError, match="the data volume cannot be written: /proc/none"):
        standalone.found(["--secrets", str(file), "--data", "/proc/none"], {})


def test_a_run_begins_it_anew(start, authority, config, tmp_path) -> None:
    """The node answers, ends what it was, and is there again in the run's own folders; the token tells when."""
    node, ready = start()
    wanted = replace(config, name="oss0", role="oss", key=b"-", history=Path("h"), lsm=("capability",), seed=3)
    request = pb.BeginRequest(run="r1", token="mine", config=wanted.to_json())
    harness = authority.issue("harness", "harness")

    async def begun(identity: tls.Identity, address: str) -> str:
        peer = await health.check(address, harness)
        silent = rpc.Recorder("harness", None, rpc.SystemClock())
        channel = transport_grpc.connect(address, identity=identity, peer=peer, recorder=silent)
        try:
            reply = await rpc.Stub(STANDALONE, channel).begin(request, rpc.Caller(b""))
        finally:
            await channel.close()
        return reply.token

    before = asyncio.run(begun(harness, ready["address"]))
    again = json.loads(node.stdout.readline())
    after = asyncio.run(begun(harness, again["address"]))

    assert (before, after) == ("", "mine")
    assert (tmp_path / "data" / "lives" / "r1" / "oss0").is_dir()
    assert json.loads((tmp_path / "data" / "lives" / "r1" / "history" / "oss0.jsonl").read_text())["seed"] == 3
    with pytest.raises(PermissionError):
        asyncio.run(begun(authority.issue("client", "client0"), again["address"]))
