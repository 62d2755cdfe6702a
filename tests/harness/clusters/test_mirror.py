"""Copies of evidence that is elsewhere."""

import asyncio
import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.clusters import mirror
from harness.clusters.mirror import Mirror
from labelproof.v1 import admin_pb2 as pb


class Node:
    """A node as its channel shows it: both files, and how much of one a reply holds."""

    def __init__(self, holds: int = 1 << 20) -> None:
        self.history = self.audit = b""
        self.error: OSError | None = None
        self.asked = 0
        self.holds = holds

    async def call(self, method: str, request: pb.ReadEvidenceRequest, **options: object) -> pb.ReadEvidenceReply:
        assert method == "Admin/ReadEvidence"
        self.asked += 1
        if self.error:
            raise self.error
        parts = (self.history[request.history :], self.audit[request.audit :])
        return pb.ReadEvidenceReply(history=parts[0][: self.holds], audit=parts[1][: self.holds])


@pytest.fixture
def run(tmp_path: Path) -> SimpleNamespace:
    """A mirror of mds0 and oss0 in a run's folder, with what it has of mds0."""
    for name in ("history", "audit"):
        (tmp_path / name).mkdir()
    files = (tmp_path / "history" / "mds0.jsonl", tmp_path / "audit" / "mds0.log")
    copies = Mirror(tmp_path, ["mds0", "oss0"])
    return SimpleNamespace(
        fetch=lambda node: asyncio.run(copies.fetch({"mds0": node})),
        take=copies.take,
        has=lambda: tuple(file.read_bytes() if file.exists() else b"" for file in files),
    )


def test_what_is_new_is_added(run: SimpleNamespace) -> None:
    """Each fetch brings what both files hold more, and asks once."""
    node = Node()
    node.history, node.audit = b"1\n2\n", b"a\n"

    run.fetch(node)
    node.history += b"3\n"
    errors = run.fetch(node)

    assert errors == {}
    assert run.has() == (b"1\n2\n3\n", b"a\n")
    assert node.asked == 2


def test_a_torn_line_waits_until_it_is_whole(run: SimpleNamespace) -> None:
    """A node that comes back cuts it off and writes another there."""
    node = Node()
    node.history = b'{"i":0}\n{"i":'
    run.fetch(node)
    torn = run.has()[0]
    node.history = b'{"i":0}\n{"j":1}\n'

    run.fetch(node)

    assert torn == b'{"i":0}\n'
    assert run.has()[0] == b'{"i":0}\n{"j":1}\n'


def test_more_than_a_reply_holds(run: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again until there is no more."""
    monkeypatch.setattr(mirror, "_FULL_BYTES", 5)
    node = Node(holds=5)
    node.history, node.audit = b"1\n2\n3\n4\n5\n6\n7\n", b"a\nb\nc\n"

    run.fetch(node)

    assert run.has() == (node.history, node.audit)


def test_a_node_that_does_not_answer_is_told(run: SimpleNamespace) -> None:
    """Its copies stay as they are."""
    node = Node()
    node.history = b"1\n"
    run.fetch(node)
    node.error = OSError(errno.ENOTCONN, "nobody there")

    errors = run.fetch(node)

    assert list(errors) == ["mds0"]
    assert run.has()[0] == b"1\n"


def test_the_files_of_a_stopped_node_are_taken(run: SimpleNamespace) -> None:
    """Only what is not there yet, twice or not, and no torn end."""
    node = Node()
    node.history = b"1\n"
    run.fetch(node)

    run.take("mds0", b"1\n2\n{", b"a\n")
    run.take("mds0", b"1\n2\n{", b"a\n")

    assert run.has() == (b"1\n2\n", b"a\n")
