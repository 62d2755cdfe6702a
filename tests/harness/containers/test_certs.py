"""`labelproof certs`: what is written, and for whom."""

import os
import stat
from pathlib import Path

import pytest

from harness.cli import command
from harness.containers import certs
from rpc import Peer, tls

COUNTS = {"mds": 1, "oss": 3, "client": 2}


@pytest.fixture
def labelproof(tmp_path, monkeypatch, capfd):
    """The command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = command.run(list(words))
        out, error = capfd.readouterr()
        return code, out, error

    return run


def test_each_role_gets_its_own(tmp_path: Path) -> None:
    """A file a role with an identity a node and the one MAC key; the harness has an identity and no key."""
    certs.make(tmp_path, "lp", COUNTS)

    found = {role: certs.load(tmp_path, role) for role in (*COUNTS, "harness")}
    keys = {found[role].key for role in COUNTS}
    assert {role: list(secrets.nodes) for role, secrets in found.items()} == {
        "mds": ["mds0"], "oss": ["oss0", "oss1", "oss2"], "client": ["client0", "client1"], "harness": ["harness"],
    }  # fmt: skip
    assert len(keys) == 1
    assert len(keys.pop()) == certs.KEY_BYTES
    assert found["harness"].key == b""
    assert {secrets.cluster for secrets in found.values()} == {"lp"}
    assert found["oss"].peer("oss2") == Peer("lp", "oss", "oss2")
    ca = (tmp_path / "ca.pem").read_bytes()
    assert {identity.ca_pem for secrets in found.values() for identity in secrets.nodes.values()} == {ca}


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    """Mode 0600 in a folder of 0700; root gives them to the image's user. Version control ignores them."""
    made = certs.make(tmp_path / "secrets", "lp", COUNTS)

    owner = certs.IMAGE_USER if os.geteuid() == 0 else os.geteuid()
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert {path.stat().st_uid for path in (*made, tmp_path / "secrets")} == {owner}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert (tmp_path / "secrets" / ".gitignore").read_text().endswith("*\n")


def test_no_key_of_the_authority_is_kept(tmp_path: Path) -> None:
    """There are as many private keys as nodes, and none that could sign another."""
    certs.make(tmp_path, "lp", COUNTS)

    keys = sum(path.read_text().count("BEGIN PRIVATE KEY") for path in tmp_path.iterdir())

    assert keys == sum(COUNTS.values()) + 1


def test_what_is_there_stays(tmp_path: Path) -> None:
    """Without force nothing is overwritten, and not even half written; with it all files are new."""
    certs.make(tmp_path, "lp", COUNTS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "mds.json").unlink()

    with pytest.raises(FileExistsError, match="is there already; running nodes trust it"):
        certs.make(tmp_path, "lp", COUNTS)
    missing = not (tmp_path / "mds.json").exists()
    certs.make(tmp_path, "lp", COUNTS, force=True)

    assert missing
    changed = {name for name, text in before.items() if (tmp_path / name).read_bytes() != text}
    assert changed == {"mds.json", "oss.json", "client.json", "harness.json", "ca.pem"}


def test_a_draft_left_over(tmp_path: Path) -> None:
    """What a killed command left does not lend its mode to the file."""
    (tmp_path / ".mds.json.draft").write_text("")
    (tmp_path / ".mds.json.draft").chmod(0o666)

    certs.make(tmp_path, "lp", COUNTS)

    assert stat.S_IMODE((tmp_path / "mds.json").stat().st_mode) == 0o600


def test_the_command(labelproof, tmp_path: Path) -> None:
    """It names the files and what to do next; the second time it refuses, in one line."""
    code, out, _ = labelproof("certs", "keys", "--oss", "2", "--cluster", "lab")
    again, _, error = labelproof("certs", "keys")

    assert code == 0
    assert [line for line in out.splitlines() if line.endswith(".json")] == [
        "keys/mds.json", "keys/oss.json", "keys/client.json", "keys/harness.json",
    ]  # fmt: skip
    assert "LABELPROOF_SECRETS=keys" in out.splitlines()[-1]
    assert list(certs.load(tmp_path / "keys", "oss").nodes) == ["oss0", "oss1"]
    assert certs.load(tmp_path / "keys").cluster == "lab"
    assert (again, error.count("\n")) == (2, 1)
    assert "--force" in error


@pytest.mark.parametrize("name", ["", "Upper", "a b", "a/b", "x" * 64])
def test_a_name_that_no_certificate_can_have(labelproof, tmp_path: Path, name) -> None:
    """Usage, in one line; nothing is written."""
    code, _, error = labelproof("certs", "keys", "--cluster", name)

    assert (code, error.count("\n")) == (2, 1)
    assert "lower-case letters, digits and hyphens" in error
    assert not (tmp_path / "keys").exists()


def test_help_teaches(labelproof) -> None:
    """What each file is for, and what comes next."""
    code, out, _ = labelproof("certs", "--help")

    assert code == 0
    assert all(word in out for word in ("harness.json", "LABELPROOF_UID", "docker-compose", "a year", "--force"))


def test_identities_are_the_clusters_own() -> None:
    """A name in no role cannot be issued: what the CLI offers is what certificates can say."""
    with pytest.raises(ValueError, match="labelproof://"):
        tls.make_ca("lp").issue("mdt", "mdt0")
