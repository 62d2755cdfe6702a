"""A node as a process of its own: what it says, how it exits, what it leaves behind."""

import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from host.config import NodeConfig
from host.main import Machine
from rpc import tls

# An app that does nothing, in a process that only knows the installed packages.
NODE = """
import sys
import rpc
from host.main import main

class App:
    last_committed = 0
    def __init__(self, node):
        self.node, self.replies = node, rpc.ReplyCache()
    def services(self):
        return []
    async def start(self):
        self.node.config.data_dir.mkdir(parents=True)
    async def stop(self):
        print("stopped", file=sys.stderr)

main(App)
"""
TIMEOUT_S = 20


@pytest.fixture(scope="module")
def identity() -> tls.Identity:
    return tls.make_ca("lp").issue("mds", "mds0")


@pytest.fixture
def served(config, identity, tmp_path) -> NodeConfig:
    """A configuration with a certificate, whose data lie in a folder of the cluster's own."""
    return replace(config, identity=identity, lsm=("capability",), data_dir=tmp_path / "cluster" / "mds0")


@contextmanager
def process() -> Iterator[subprocess.Popen]:
    """A node process that has been told nothing yet; killed if the test leaves it running."""
    command = [sys.executable, "-P", "-c", NODE]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as node:
        try:
            yield node
        finally:
            node.kill()


@contextmanager
def started(config: NodeConfig) -> Iterator[tuple[subprocess.Popen, dict]]:
    with process() as node:
        node.stdin.write(config.to_json() + "\n")
        node.stdin.flush()
        assert select.select([node.stdout], [], [], TIMEOUT_S)[0], "the node does not say that it is ready"
        line = node.stdout.readline()
        yield node, json.loads(line or node.stderr.read())


def said(node: subprocess.Popen, text: str | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr, after `text` and the end of stdin."""
    out, error = node.communicate(text, timeout=TIMEOUT_S)
    return node.returncode, out, error


@pytest.mark.parametrize("line", ["", "not json\n", '{"name": "mds0"}\n', "\n"])
def test_no_usable_configuration_exits_2(line) -> None:
    """One line says what is wrong; nothing on stdout, no traceback."""
    with process() as node:
        code, out, error = said(node, line)

    assert (code, out) == (2, "")
    assert error.startswith("labelproof node: not a node's configuration: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"lsm": ("capability", "smock")}, "no LSM module 'smock'"), ({"identity": None}, "certificate")],
)
def test_a_configuration_that_cannot_be_served_exits_2(served, changes, why) -> None:
    """An unknown module, or no certificate: told at once."""
    with process() as node:
        code, _, error = said(node, replace(served, **changes).to_json() + "\n")

    assert (code, error.count("\n"), why in error) == (2, 1, True)


def test_a_node_that_cannot_start_exits_1(served) -> None:
    """One line names node and reason."""
    served.data_dir.mkdir(parents=True)

    with process() as node:
        code, out, error = said(node, served.to_json() + "\n")

    assert (code, out, error) == (1, "", "mds0: File exists\n")


def test_ready(served) -> None:
    """One JSON line: node, the address with its real port, the process's own id."""
    with started(served) as (node, ready):
        assert (ready["node"], ready["pid"]) == ("mds0", node.pid)
        assert ready["address"].startswith("127.0.0.1:")
        assert not ready["address"].endswith(":0")
        assert said(node)[1] == ""


@pytest.mark.parametrize("ephemeral", [True, False])
def test_the_end_of_stdin_stops_it(served, ephemeral) -> None:
    """Stopped in good order, exit 0; an ephemeral node takes its data along, and the folder if it was the last."""
    with started(replace(served, ephemeral=ephemeral)) as (node, _):
        assert served.data_dir.is_dir()
        code, _, error = said(node)

    assert (code, error) == (0, "stopped\n")
    assert served.data_dir.parent.exists() is not ephemeral
    assert served.data_dir.exists() is not ephemeral


def test_the_folder_of_others_stays(served) -> None:
    """While another node's data lie beside it, only its own go."""
    other = served.data_dir.parent / "mds1"
    other.mkdir(parents=True)

    with started(replace(served, ephemeral=True)) as (node, _):
        said(node)

    assert (served.data_dir.exists(), other.is_dir()) == (False, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_keeps_its_data(served, number) -> None:
    """Exit 0 in good order; it is stopped, not orphaned, so ephemeral data stay for its parent."""
    with started(replace(served, ephemeral=True)) as (node, _):
        os.kill(node.pid, number)
        code = node.wait(TIMEOUT_S)
        error = node.stderr.read()

    assert (code, error, served.data_dir.is_dir()) == (0, "stopped\n", True)


def test_random_numbers_repeat(config: NodeConfig) -> None:
    """By the cluster's seed and the name alone."""

    def numbers(seed: int, name: str) -> float:
        return Machine(replace(config, seed=seed)).rng(name).random()

    assert numbers(1, "a") == numbers(1, "a") == random.Random("1:a").random()
    assert len({numbers(1, "a"), numbers(2, "a"), numbers(1, "b")}) == 3


def test_the_working_directory_hides_nothing(served, tmp_path: Path) -> None:
    """-P: a folder `host` or `rpc` where it is started is not imported."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "__init__.py").write_text("raise SystemExit(99)")
    command = [sys.executable, "-P", "-c", NODE]

    done = subprocess.run(command, input="\n", cwd=tmp_path, capture_output=True, text=True, check=False, timeout=20)

    assert done.returncode == 2
