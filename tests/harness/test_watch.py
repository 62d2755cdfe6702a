"""What is told of a test on a full disk."""

import errno
from types import SimpleNamespace

import pytest

from harness import store, watch


@pytest.fixture
def ended():
    """A test's phase that ended with an error."""
    return lambda error: SimpleNamespace(excinfo=SimpleNamespace(value=error))


def test_a_full_disk_is_told_from_a_failure(monkeypatch, tmp_path, ended) -> None:
    """ENOSPC ends the run if it is the run's disk that is full, naming the folder; otherwise it is the test's own."""
    said = ended(OSError(errno.ENOSPC, "no space"))
    roomy = watch._full_disk(said, tmp_path)
    monkeypatch.setattr(store, "shortage", lambda path, needed: f"{path} has 0 MiB left")

    full = watch._full_disk(said, tmp_path)

    assert roomy is None
    assert full.errno == errno.ENOSPC
    assert str(tmp_path) in str(full)


def test_another_error_is_the_tests_own(monkeypatch, tmp_path, ended) -> None:
    """A denial on a full disk is still a denial."""
    monkeypatch.setattr(store, "shortage", lambda path, needed: "full")

    assert watch._full_disk(ended(PermissionError(errno.EACCES, "no")), tmp_path) is None
    assert watch._full_disk(SimpleNamespace(excinfo=None), tmp_path) is None
