"""renameat2: NOREPLACE, EXCHANGE, WHITEOUT; and what a reader of the directory sees of it."""

import errno

import pytest

from labelproof.v1 import mds_pb2

NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


async def tree(user) -> None:
    for path in ("/a", "/b", "/a/d", "/a/d/e"):
        await user.mkdir(path)
    for path in ("/a/f", "/b/g"):
        await user.create(path)


def test_two_names_change_places(run):
    """After an exchange each name leads to the other's object, and directories count where they are now."""

    async def scenario(world):
        user = world.user()
        await tree(user)
        before = (await user.stat("/a/d")).entry.fid, (await user.stat("/b/g")).entry.fid
        await user.rename("/a/d", "/b/g", EXCHANGE)

        assert ((await user.stat("/b/g")).entry.fid, (await user.stat("/a/d")).entry.fid) == before
        assert ((await user.stat("/a")).nlink, (await user.stat("/b")).nlink) == (2, 3)
        hooks = [(e["hook"], e["role"]) for e in world.events("mds0", "avc") if e["hook"] == "inode_rename"]
        assert [role for _, role in hooks[:3]] == ["newparent", "target", "parent"]

    run(scenario)


def test_a_whiteout_takes_the_old_name(run):
    """RENAME_WHITEOUT leaves a device 0:0 of mode 0, labelled as a new device in that directory."""

    async def scenario(world):
        user = world.user()
        await tree(user)
        await user.rename("/a/f", "/b/g", WHITEOUT)

        left = await user.stat("/a/f")
        assert (left.entry.mode, left.rdev, left.nlink) == (0o020000, 0, 1)
        event = world.events("mds0", "label")[-1]
        assert (event["class"], event["as"], event["why"]) == ("chr_file", "f", "inherit")

    run(scenario)


@pytest.mark.parametrize(
    ("source", "target", "flags", "number"),
    [
        ("/a/f", "/b/g", NOREPLACE, errno.EEXIST), ("/a/f", "/b/x", EXCHANGE, errno.ENOENT),
        ("/a/f", "/b/g", EXCHANGE | NOREPLACE, errno.EINVAL), ("/a/f", "/b/g", EXCHANGE | WHITEOUT, errno.EINVAL),
        ("/a/f", "/b/g", 8, errno.EINVAL), ("/a", "/a/d", EXCHANGE, errno.EINVAL),
        ("/a/d", "/a", EXCHANGE, errno.EINVAL), ("/a/d/e", "/a", 0, errno.ENOTEMPTY),
    ],
)  # fmt: skip
def test_what_a_rename_cannot_do(run, source, target, flags, number):
    """Flags that exclude each other, a name that is taken or missing, a directory moved into itself."""

    async def scenario(world):
        user = world.user()
        await tree(user)

        await refused(user.rename(source, target, flags), number)

    run(scenario)


def test_onto_itself_nothing_is_asked(run):
    """Two names of one inode: both stay, and no hook but search fires."""

    async def scenario(world):
        user = world.user()
        await tree(user)
        await user.link("/a/f", "/a/h")
        await user.rename("/a/f", "/a/h")

        assert (await user.stat("/a/f")).nlink == 2
        assert "inode_rename" not in {e["hook"] for e in world.events("mds0", "avc")}

    run(scenario)


def test_a_cookie_is_never_given_twice(run):
    """Who has read up to the last entry sees the next one made, though the last one is gone; a replaced name stays."""

    async def scenario(world):
        user = world.user()
        await tree(user)
        last = (await user.readdir("/a")).entries[-1]
        await user.remove("/a/f")
        await user.create("/a/n")

        later = await user.readdir("/a", cookie=last.cookie)
        assert [e.name for e in later.entries] == [b"n"]
        cookie = later.entries[0].cookie
        await user.rename("/b/g", "/a/n")
        assert [e.cookie for e in (await user.readdir("/a")).entries if e.name == b"n"] == [cookie]

    run(scenario)


@pytest.mark.parametrize(("mask", "allowed"), [(0, True), (4, True), (2, False), (6, False), (1, False)])
def test_access_says_what_may_be_done(run, mask, allowed):
    """access(2) on a file of mode 0444; F_OK asks only for the way there."""

    async def scenario(world):
        user = world.user()
        await user.create("/f", 0o444)
        asked = user.by_name("access", "/f", mds_pb2.AccessRequest, mask=mask)

        if allowed:
            await asked
        else:
            await refused(asked, errno.EACCES)

    run(scenario)
