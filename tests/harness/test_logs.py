"""The nodes' logs since a test began."""

from pathlib import Path

from harness import logs
from harness.logs import Logs


def test_only_what_came_since_the_mark(tmp_path: Path) -> None:
    """By node; one that said nothing is left out."""
    (tmp_path / "mds0.log").write_text("before\n")
    (tmp_path / "oss0.log").write_text("before\n")
    found = Logs(tmp_path)
    found.mark()
    with (tmp_path / "mds0.log").open("a") as log:
        log.write("after\n")
    (tmp_path / "client0.log").write_text("new\n")

    assert found.since() == [("client0", "new\n"), ("mds0", "after\n")]


def test_of_much_the_end_is_shown(tmp_path: Path) -> None:
    """And how much is left out."""
    (tmp_path / "mds0.log").write_bytes(b"x" * (logs.LOG_BYTES_MAX + 5) + b"end\xff")

    ((_, text),) = Logs(tmp_path).since()

    assert text.startswith("... 9 bytes left out ...\n")
    assert text.endswith("end\ufffd")
