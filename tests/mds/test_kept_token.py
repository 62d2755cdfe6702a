"""A client that keeps its data tokens past the close, and its walk tickets: what they are still good for."""

import errno
import os
import struct
import zlib

import pytest

from harness import policies
from labelproof.v1 import mds_pb2
from sepol import compile_cil, flatten
from tests.mds.conftest import BOOT

CAPABILITY = "security.capability"
# VFS_CAP_REVISION_2 with the effective flag, and CAP_NET_RAW permitted (include/uapi/linux/capability.h)
_NET_RAW = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


async def kept(user, path: str, flags: int = os.O_RDWR):
    """What was opened, after its close."""
    opened = await user.open(path, flags)
    await user.close(opened)
    return opened


async def gain(world, path: str, what: str) -> None:
    """Gives the file what a write would take: its owner a mode, root capabilities."""
    if what == "capability":
        await world.admin().setxattr(path, CAPABILITY, _NET_RAW)
    else:
        await world.user().setattr(path, mode=int(what, 8))


async def has(world, path: str, what: str) -> bool:
    """Whether it still has it; past what the MDS knows by itself."""
    if what == "capability":
        return await world.admin().getxattr(path, CAPABILITY) is not None
    return (await world.user().stat(path)).entry.mode & 0o6000 == int(what, 8) & 0o6000


async def cut(user, path: str, where: str) -> None:
    """To nothing, by its path or as it is opened."""
    if where == "path":
        await user.setattr(path, size=0)
    else:
        await user.open(path, os.O_RDONLY | os.O_TRUNC)


GAINS = ["4755", "2755", "capability"]


@pytest.mark.parametrize("restarted", ["", "oss0", "mds0"])
@pytest.mark.parametrize("what", GAINS)
def test_a_file_that_has_become_set_id_is_not_written_by_a_token_from_before(run, what, restarted):
    """ESTALE on each stripe, also on those that nothing was ever written to, and after a restart of either server."""

    async def scenario(world):
        user = world.user()
        await user.create("/f", 0o777)
        opened = await user.open("/f", os.O_RDWR)
        await user.write(opened, 0, b"abcd")
        await user.close(opened)
        await gain(world, "/f", what)
        if restarted:
            await world.restart(restarted)

        await refused(user.write(opened, 0, b"evil"), errno.ESTALE)
        await refused(user.write(opened, 4, b"evil"), errno.ESTALE)
        assert await has(world, "/f", what)
        assert await user.read(opened, 0, 8) == b"abcd\0\0\0\0"
        attr = await user.stat("/f")
        assert attr.size == 4
        again = await user.open("/f", os.O_RDWR)
        await user.write(again, 0, b"x")
        await user.close(again)
        assert not await has(world, "/f", what)

    run(scenario)


@pytest.mark.parametrize("what", GAINS)
def test_nor_one_that_was_set_id_when_it_was_closed(run, what):
    """Each last close of a writer ends the tokens from before it, with nothing changed since."""

    async def scenario(world):
        user = world.user()
        await user.create("/f", 0o777)
        await gain(world, "/f", what)
        opened = await kept(user, "/f")

        await refused(user.write(opened, 0, b"evil"), errno.ESTALE)
        await refused(user.write(opened, 4, b"evil"), errno.ESTALE)
        assert await has(world, "/f", what)
        assert (await user.stat("/f")).size == 0

    run(scenario)


def test_while_somebody_else_writes_it_is_as_good_as_his(run):
    """The file is open for writing, so the write is judged by the mode of now, and the MDS learns of it."""

    async def scenario(world):
        root, user = world.bounded(), world.user()
        await user.create("/f", 0o777)
        opened = await kept(root, "/f")
        other = await user.open("/f", os.O_WRONLY)
        await user.setattr("/f", mode=0o4755)
        await root.write(opened, 0, b"evil")
        await user.close(other)

        assert not await has(world, "/f", "4755")

    run(scenario)


@pytest.mark.parametrize("at", ["change", "close"])
@pytest.mark.parametrize("what", GAINS)
def test_where_an_ost_could_not_be_told_a_write_takes_what_it_takes(run, what, at):
    """An OST that is down keeps nobody from a chmod or a close, and the size stays the OSTs' to know."""

    async def scenario(world):
        root, user = world.bounded(), world.user()
        await user.create("/f", 0o777)
        opened = await root.open("/f", os.O_RDWR)
        if at == "change":
            await root.close(opened)
            await world.kill("oss0")
            await gain(world, "/f", what)
        else:
            await gain(world, "/f", what)
            await world.kill("oss0")
            await root.close(opened)
        await world.back("oss0")
        assert await has(world, "/f", what)
        await root.write(opened, 0, b"evil")

        assert not await has(world, "/f", what)
        again = await user.open("/f", os.O_WRONLY)
        await user.write(again, 0, b"12345678")
        await gain(world, "/f", what)
        await user.close(again)
        await refused(root.write(opened, 0, b"evil"), errno.ESTALE)
        await refused(user.write(again, 0, b"evil"), errno.ESTALE)
        assert await has(world, "/f", what)

    run(scenario)


def test_the_file_of_an_evicted_writer_is_one_that_somebody_may_write_to(run):
    """The eviction asks no OST anything, so whoever asks for the mode asks them."""

    async def scenario(world):
        root, user = world.bounded(), world.user("client1")
        await user.create("/f", 0o777)
        await root.mds("connect", mds_pb2.ConnectRequest(client=root.node, started_ns=1))
        opened = await root.open("/f", os.O_WRONLY)
        await root.mds("connect", mds_pb2.ConnectRequest(client=root.node, started_ns=2))
        await gain(world, "/f", "4755")
        await root.write(opened, 0, b"evil")

        assert not await has(world, "/f", "4755")

    run(scenario)


@pytest.mark.parametrize("where", ["path", "open"])
def test_a_cut_that_leaves_the_bits_settles_nothing(run, where):
    """Where nobody closed the file, as its writer's handle went with the MDS; root, who cuts it, may keep the bits."""

    async def scenario(world):
        user, admin = world.user(), world.admin()
        await user.create("/f", 0o777)
        await user.setattr("/f", mode=0o4755)
        opened = await user.open("/f", os.O_RDWR)
        await world.restart("mds0")
        await cut(admin, "/f", where)
        assert await has(world, "/f", "4755")
        await user.write(opened, 0, b"evil")

        assert not await has(world, "/f", "4755")

    run(scenario)


@pytest.mark.parametrize("where", ["path", "open"])
def test_a_cut_of_a_closed_file_that_leaves_the_bits_leaves_it_closed(run, where):
    """The tokens from before have ended, so no OST is asked for what is known."""

    async def scenario(world):
        user, admin = world.user(), world.admin()
        await user.create("/f", 0o777)
        opened = await user.open("/f", os.O_RDWR)
        await user.write(opened, 0, b"abcd")
        await user.close(opened)
        await user.setattr("/f", mode=0o4755)
        await cut(admin, "/f", where)
        await refused(user.write(opened, 0, b"evil"), errno.ESTALE)
        await world.kill("oss0")

        assert ((await user.stat("/f")).size, await has(world, "/f", "4755")) == (0, True)

    run(scenario)


def test_a_writer_that_cuts_a_set_id_file_may_write_to_it(run):
    """Its own token is not one from before."""

    async def scenario(world):
        user, admin = world.user(), world.admin()
        await user.create("/f", 0o777)
        await user.setattr("/f", mode=0o4755)
        opened = await admin.open("/f", os.O_WRONLY | os.O_TRUNC)
        await admin.write(opened, 0, b"abc")
        await admin.close(opened)

        assert ((await user.stat("/f")).size, await has(world, "/f", "4755")) == (3, True)

    run(scenario)


@pytest.mark.parametrize(
    ("modes", "told"), [((0o644, 0o600), 0), ((0o4755,), 1), ((0o4755, 0o4711, 0o755), 1), ((0o4755, 0o755, 0o2755), 2)]
)
def test_only_who_gives_a_closed_file_such_bits_pays(run, modes, told):
    """One Setattr a stripe; nothing for a file that nobody has ever opened for writing."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        name, ticket = await user.name("/g")
        await user.mds("mknod", mds_pb2.MknodRequest(name=name, mode=0o100644), ticket)
        for mode in modes:
            await user.setattr("/f", mode=mode)
            await user.setattr("/g", mode=mode)
        await user.create("/h")

        calls = [e["method"] for e in world.events("oss0", "rpc") if e["phase"] == "recv"]
        assert calls.count("Oss/Setattr") == told

    run(scenario)


@pytest.mark.parametrize("what", ["mode", "capability", "denied"])
def test_who_may_not_give_it_such_changes_nothing(run, what):
    """By ownership, capability or policy: no OST hears of it, and the inode is as it was."""

    async def scenario(world):
        user, stranger = world.user(), world.user(uid=1001)
        await user.create("/f")
        before = (await user.stat("/f")).entry

        if what == "mode":
            await refused(stranger.setattr("/f", mode=0o4755), errno.EPERM)
        elif what == "capability":
            await refused(user.setxattr("/f", CAPABILITY, _NET_RAW), errno.EPERM)
        else:
            await refused(world.user(type_="guest_t").setattr("/f", mode=0o4755), errno.EACCES)

        assert (await user.stat("/f")).entry == before
        calls = [e["method"] for e in world.events("oss0", "rpc")]
        assert "Oss/Setattr" not in calls

    run(scenario)


def test_who_may_is_asked_before_and_with_the_change(run):
    """The second time is told as such."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        await user.setattr("/f", mode=0o4755)

        asked = [e for e in world.events("mds0", "avc") if e["requested"] == ["setattr"]]
        assert [e["vantage"] for e in asked] == ["server", "recheck"]

    run(scenario)


@pytest.mark.parametrize("restarted", ["", "oss0", "mds0"])
def test_a_token_kept_over_a_relabel_is_judged_by_the_label_of_now(run, restarted):
    """Reads and writes, also of a stripe without an object: the OSTs know the label before the relabel is answered."""

    async def scenario(world):
        user, admin = world.user(), world.admin()
        await user.create("/f")
        opened = await kept(user, "/f")
        await user.write(opened, 0, b"abcd")
        await admin.relabel("/f", "secret_t")
        if restarted:
            await world.restart(restarted)

        for offset in (0, 4):
            await refused(user.read(opened, offset, 4), errno.EACCES)
            await refused(user.write(opened, offset, b"evil"), errno.EACCES)

    run(scenario)


async def shared(world):
    """A token for a file that users may write to as long as a boolean is on."""
    for server in world.servers.values():
        server.node.policy.set_booleans({"user_write_shared": True}, by=BOOT)
    user, admin = world.user(), world.admin()
    await user.create("/f")
    await admin.relabel("/f", "shared_t")
    return await kept(user, "/f")


@pytest.fixture(scope="session")
def open_handed() -> tuple[str, bytes]:
    """The project's policy, but that the boolean is on as it is loaded."""
    off, on = "(boolean user_write_shared false)", "(boolean user_write_shared true)"
    flat = flatten(compile_cil({name: text.replace(off, on) for name, text in policies.source("targeted").items()}))
    return flat.digest, zlib.compress(flat.cil.encode())


@pytest.mark.parametrize("restarted", [(), ("oss0",), ("mds0",), ("mds0", "oss0")])
def test_a_token_kept_over_a_policy_load_is_judged_by_the_policy_of_now(run, open_handed, restarted):
    """Also by a server that was restarted, and counts the policies anew: its first one is not that of the open."""

    async def scenario(world):
        world.policy, after = open_handed, world.policy
        for name in world.servers:
            await world.restart(name)
        user, admin = world.user(), world.admin()
        await user.create("/f")
        await admin.relabel("/f", "shared_t")
        opened = await kept(user, "/f")
        await user.write(opened, 0, b"abcd")
        world.policy = after
        for name in world.servers:
            await world.load(name)
        for name in restarted:
            await world.restart(name)

        await refused(user.write(opened, 0, b"evil"), errno.EACCES)
        assert await user.read(opened, 0, 4) == b"abcd"

    run(scenario)


def test_a_ticket_kept_over_a_policy_load_is_stale_also_after_a_restart(run, open_handed):
    """The server counts its policies anew, so that it is not by their number that the ticket's is known."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")
        fid = await user.at("/d")
        ticket, place = user.tickets[fid.SerializeToString()], mds_pb2.Place(fid=fid)
        await world.restart("mds0")
        await user.mds("getattr", mds_pb2.GetattrRequest(place=place), ticket)
        world.policy = open_handed
        for name in world.servers:
            await world.load(name)
        await world.restart("mds0")

        await refused(user.mds("getattr", mds_pb2.GetattrRequest(place=place), ticket), errno.ESTALE)

    run(scenario)


@pytest.mark.parametrize("restarted", ["", "oss0", "mds0"])
def test_a_token_kept_over_a_boolean_is_judged_by_the_policy_of_now(run, restarted):
    """Off, users may only read."""

    async def scenario(world):
        opened, user = await shared(world), world.user()
        await user.write(opened, 0, b"abcd")
        for server in world.servers.values():
            server.node.policy.set_booleans({"user_write_shared": False}, by=BOOT)
        if restarted:
            await world.restart(restarted)

        await refused(user.write(opened, 0, b"evil"), errno.EACCES)
        assert await user.read(opened, 0, 4) == b"abcd"

    run(scenario)
