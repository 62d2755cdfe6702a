"""Volumes that are full, or can only be read: writes are refused with the kernel's errno, reads go on."""

import errno

import pytest

from harness.clusters import Cluster
from harness.faults import DiskFull, ReadOnly
from rpc import definite


def test_a_full_mds_refuses_names(cluster: Cluster, task, store, works) -> None:
    """ENOSPC, surely not done; what is there can be read, and afterwards there is room."""
    path, actor = store(), task()

    with DiskFull("mds0").on(cluster):
        with pytest.raises(OSError) as refused:
            [actor.mkdir(f"/full{number}") for number in range(200)]
        size = actor.stat(path).size

    assert (refused.value.errno, definite(refused.value)) == (errno.ENOSPC, True)
    assert size == 4 * 4096
    assert works()


def test_a_full_ost_refuses_data(cluster: Cluster, task, store, works) -> None:
    """The MDS still makes names, the data of that OST's stripes has no room; no byte of it is told as written."""
    path, actor = store(), task()

    with DiskFull("oss0").on(cluster), pytest.raises(OSError) as refused:
        store(size=64 * 4096)

    assert refused.value.errno == errno.ENOSPC
    assert actor.pread(actor.open(path), 4 * 4096, 0) == b"x" * 4 * 4096
    assert works()


def test_a_read_only_mds_serves_reads(cluster: Cluster, task, store, works) -> None:
    """It starts on the volume, tells what is there, and refuses every change with EROFS."""
    path, actor = store(), task()

    with ReadOnly("mds0").on(cluster):
        with pytest.raises(OSError) as refused:
            actor.mkdir("/read-only")
        size = actor.stat(path).size

    assert (refused.value.errno, definite(refused.value)) == (errno.EROFS, True)
    assert size == 4 * 4096
    assert works()


def test_a_read_only_ost_serves_reads(cluster: Cluster, task, store, works) -> None:
    """So does an OST, also one with leavings of writes that it never acknowledged."""
    path, actor = store(), task()
    with DiskFull("oss0").on(cluster), pytest.raises(OSError):
        store(size=64 * 4096)

    with ReadOnly("oss0").on(cluster):
        with pytest.raises(OSError) as refused:
            store()
        data = actor.pread(actor.open(path), 4 * 4096, 0)

    assert refused.value.errno == errno.EROFS
    assert data == b"x" * 4 * 4096
    assert works()
