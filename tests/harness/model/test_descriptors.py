"""Numbers of open files, as the operations returned them."""

import pytest

from harness.model.descriptors import Descriptors, Open

FID = "[0x1:0x2:0x0]"


def op(name, f, **args):
    return {"op": name, "client": "c", "task": "t", "f": f, "args": args}


@pytest.fixture
def descriptors():
    found = Descriptors()
    found.done(op("o1", "open", path="/f"), {"fd": 3, "fid": FID})
    return found


def test_number_leads_to_the_file_and_who_opened_it(descriptors):
    """A number is the task's own: another task has none of it."""
    assert descriptors.of(op("o2", "read", fd=3)) == Open(FID, "o1")
    assert descriptors.of({**op("o2", "read", fd=3), "task": "t2"}) is None
    assert descriptors.of(op("o2", "read", fd=4)) is None


@pytest.mark.parametrize(("f", "more"), [("dup", {}), ("fcntl", {"cmd": 0}), ("fcntl", {"cmd": 1030})])
def test_duplicate_is_the_same_open_file(descriptors, f, more):
    """Whoever duplicates a descriptor has not opened it."""
    descriptors.done(op("o2", f, fd=3, **more), 7)

    assert descriptors.of(op("o3", "read", fd=7)) == Open(FID, "o1")


def test_other_results_are_no_descriptors(descriptors):
    """What fcntl returns otherwise is no number of a file; a failed open gives none."""
    descriptors.done(op("o2", "fcntl", fd=3, cmd=3), 5)
    descriptors.done(op("o3", "open", path="/g"), None)

    assert descriptors.of(op("o4", "read", fd=5)) is None


def test_file_opened_again_is_its_openers(descriptors):
    """A number that is returned once more stands for what it stands for now."""
    descriptors.done(op("o2", "reopen", fd=3), {"fd": 3, "fid": FID})

    assert descriptors.of(op("o3", "copy_file_range", fd=9, to=3), "to") == Open(FID, "o2")
