"""A client that was restarted is evicted: what it held is given up, and nobody else loses anything."""

import asyncio
import errno
import os

import pytest

from labelproof.v1 import mds_pb2


def connect(user, started_ns: int):
    return user.mds("connect", mds_pb2.ConnectRequest(client=user.node, started_ns=started_ns))


def lock(user, opened, **more):
    return user.mds("lock", mds_pb2.LockRequest(handle=opened.handle, type=1, **more))


def test_a_restarted_client_has_nothing_open(run):
    """Its handles are stale and its nameless files gone; the history tells of the eviction."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await connect(user, 1)
        await connect(other, 1)
        await user.create("/f")
        mine, theirs = await user.open("/f", os.O_RDWR), await other.open("/f", os.O_RDWR)
        await user.open_root(os.O_TMPFILE | os.O_RDWR)

        await connect(user, 2)

        with pytest.raises(OSError) as stale:
            await user.close(mine)
        assert stale.value.errno == errno.ESTALE
        assert len(world.mdt.handles) == 1
        await other.close(theirs)
        assert [raw.path for raw in world.servers["mds0"].app.collect()] == ["/", "/f"]
        assert [(e["phase"], e["peer"]) for e in world.events("mds0", "session")] == [("evict", "client0")]

    run(scenario)


@pytest.mark.parametrize("posix", [False, True])
def test_a_restarted_clients_locks_go_to_who_waits(run, posix):
    """Locks that it held are free, and its own waits end."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await connect(user, 1)
        await user.create("/f")
        mine, theirs = await user.open("/f", os.O_RDWR), await other.open("/f", os.O_RDWR)
        await lock(user, mine, posix=posix)
        waiting = asyncio.create_task(lock(other, theirs, posix=posix, wait=True))
        while not world.mdt.flocks._waiting:
            await asyncio.sleep(0)

        await connect(user, 2)

        assert not (await waiting).blocked
        assert len(world.mdt.flocks) == 1

    run(scenario)


def test_mounting_once_more_evicts_nobody(run):
    """The same process connects as often as it likes, also after the server was restarted."""

    async def scenario(world):
        user = world.user()
        await connect(user, 1)
        await user.create("/f")
        opened = await user.open("/f")

        await connect(user, 1)
        await user.close(opened)
        await world.restart("mds0")
        await connect(user, 2)

        assert world.events("mds0", "session") == []

    run(scenario)


def test_an_open_under_way_as_its_client_is_evicted_leaves_nothing_open(run):
    """It waits for a lock while the client comes back: ENOTCONN, no handle, and the file that it would make is not."""

    async def scenario(world):
        user = world.user()
        await connect(user, 1)
        await user.create("/f")
        fids = [world.mdt.peeked(None, [(await user.name(path))[0]]) for path in ("/f", "/new")]
        async with world.mdt.store.locks.hold(*fids[0], *fids[1]):
            opening = [
                asyncio.create_task(user.open(path, os.O_RDWR | os.O_CREAT | flags))
                for path, flags in (("/f", 0), ("/f", os.O_TRUNC), ("/new", 0))
            ]
            while len(world.mdt.clients._opening) < 3:
                await asyncio.sleep(0)
            await connect(user, 2)

        for each in opening:
            with pytest.raises(OSError) as lost:
                await each
            assert lost.value.errno == errno.ENOTCONN
        assert len(world.mdt.handles) == 0
        assert [raw.path for raw in world.servers["mds0"].app.collect()] == ["/", "/f"]
        await user.open("/f")
        assert (world.mdt.clients._opening, world.mdt.clients._lost) == ({}, set())

    run(scenario)
