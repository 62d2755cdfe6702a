"""The image's HEALTHCHECK: with which identity it asks, and what its exit code says."""

import json
import select
import subprocess
import sys
from dataclasses import replace

import pytest

from host import health
from host.secrets import Secrets
from rpc import tls

MAIN = "import sys; from pathlib import Path; from host import health; health.main(Path(sys.argv.pop()))"


@pytest.fixture(scope="module")
def authority() -> tls.Ca:
    return tls.make_ca("lp")


@pytest.fixture
def configured(config, authority, tmp_path):
    """A node's configuration, and the file with it."""
    found = replace(config, identity=authority.issue("mds", "mds0"), lsm=("capability",), listen="127.0.0.1:0")
    path = tmp_path / "node.json"
    path.write_text(found.to_json())
    return found, path


def test_the_identity_in_the_configuration(configured) -> None:
    """A container that was given its whole configuration asks as the node itself."""
    found, path = configured

    assert health.identity(path, ()) == found.identity


def test_the_identity_in_the_secrets(authority, tmp_path) -> None:
    """A replica asks as any node of its role."""
    secrets = Secrets("lp", "oss", b"k", {"oss0": authority.issue("oss", "oss0")})
    (tmp_path / "oss.json").write_text(secrets.to_json())

    found = health.identity(tmp_path / "none", [tmp_path / "mds.json", tmp_path / "oss.json"])

    assert found == secrets.nodes["oss0"]


def test_no_identity(tmp_path) -> None:
    """It says what it looked for."""
    with pytest.raises(ValueError, match="no identity to ask with"):
        health.identity(tmp_path / "none", ())


def checked(address: str, path) -> tuple[int, str]:
    command = [sys.executable, "-P", "-c", MAIN, address, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_node_that_serves(configured) -> None:
    """Exit 0 and its name; once it has ended, exit 1 and why, in one line."""
    _, path = configured
    command = [sys.executable, "-P", "-m", "mds", "--config", str(path)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as node:
        try:
            assert select.select([node.stdout], [], [], 20)[0], "the node does not come up"
            address = json.loads(node.stdout.readline())["address"]
            up = checked(address, path)
        finally:
            node.terminate()
    code, said = checked(address, path)

    assert up == (0, "mds0 serves\n")
    assert code == 1
    assert said.count("\n") == 1
