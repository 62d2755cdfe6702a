"""A role's secrets in one file."""

import os

import pytest

from host.secrets import Secrets
from rpc import Peer, tls


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    authority = tls.make_ca("lp")
    return Secrets("lp", "oss", b"k" * 32, {name: authority.issue("oss", name) for name in ("oss0", "oss1")})


def test_there_and_back(secrets) -> None:
    """What is written reads the same: identities, the MAC key, and who the nodes are."""
    read = Secrets.from_json(secrets.to_json())

    assert read == secrets
    assert read.peer("oss1") == Peer("lp", "oss", "oss1")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cluster": "lp", "role": "oss", "key": "", "nodes": {}}', "null"])
def test_something_else(tmp_path, text) -> None:
    """A file that `certs` did not write is named, with what makes a right one."""
    (tmp_path / "oss.json").write_text(text)

    with pytest.raises(ValueError, match=r"oss\.json is not made by `labelproof certs`"):
        Secrets.read(tmp_path / "oss.json")


def test_no_file(tmp_path) -> None:
    """It says what makes one."""
    with pytest.raises(ValueError, match="No such file or directory; `labelproof certs` makes it"):
        Secrets.read(tmp_path / "oss.json")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else, who may not read the file")
def test_of_somebody_else(secrets, tmp_path) -> None:
    """A container that runs as another user than the owner says how to run it."""
    path = tmp_path / "oss.json"
    path.write_text(secrets.to_json())
    path.chmod(0o600)
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    tmp_path.parent.parent.chmod(0o755)

    os.seteuid(10001)
    try:
        with pytest.raises(ValueError, match="LABELPROOF_UID"):
            Secrets.read(path)
    finally:
        os.seteuid(0)
