"""The history as it grows, stored labels, the merged audit log."""

from pathlib import Path

from harness.clusters import evidence
from harness.clusters.history import Tail
from labelproof.v1 import admin_pb2 as pb
from labelproof.v1 import context_pb2


def test_a_reader_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """`since` passes over what was seen; a torn line is not there until it is whole; no file is no event."""
    file = tmp_path / "mds0.jsonl"
    file.write_text('{"i":0}\n{"i":1}\n{"i":')
    tail = Tail(tmp_path, ["mds0", "oss0"])

    first, mark = tail.events(), tail.mark()
    with file.open("a") as more:
        more.write('2}\n{"i":3}\n')

    assert first == [{"i": 0}, {"i": 1}]
    assert mark == {"mds0": 2, "oss0": 0}
    assert tail.events(mark) == [{"i": 2}, {"i": 3}]
    assert tail.events({"mds0": 3}) == [{"i": 3}]
    assert len(tail.events()) == 4
    assert tail.mark() == {"mds0": 4, "oss0": 0}


def test_names_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    """Lone surrogates, which stand for such bytes, come through."""
    (tmp_path / "mds0.jsonl").write_text('{"as":"\\udcff"}\n')

    assert Tail(tmp_path, ["mds0"]).events() == [{"as": "\udcff"}]


def test_a_stored_object_as_an_event() -> None:
    """Absent, empty and value of a label stay apart; only an MDT's object has a path."""
    labels = [
        context_pb2.Label(name="security.selinux", value=b"u:r:t:s0"),
        context_pb2.Label(name="security.empty", value=b""),
        context_pb2.Label(name="security.absent"),
    ]
    found = pb.RawObject(fid=context_pb2.Fid(seq=1, oid=2), target="oss0", mode=0o100644, labels=labels, stripe=1)

    event = evidence.raw(found)

    assert event["object"] == "[0x1:0x2:0x0]"
    assert event["labels"] == {"security.selinux": "u:r:t:s0", "security.empty": "", "security.absent": None}
    assert (event["stripe"], "path" in event) == (1, False)


def test_audit_logs_are_merged_by_time(tmp_path: Path) -> None:
    """Records of all nodes stand in the order of their time, those of one time in their node's order."""
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "mds0.log").write_text("a msg=audit(5.010:9): x\nb msg=audit(5.010:10): x\n")
    (tmp_path / "audit" / "oss0.log").write_text("c msg=audit(5.009:1): x\nd msg=audit(6.000:2): x\n")

    evidence.merge_audit(tmp_path)

    assert [line[0] for line in (tmp_path / "audit.log").read_text().splitlines()] == ["c", "a", "b", "d"]
