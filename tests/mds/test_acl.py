"""Access control lists as the MDS keeps them: stored, honoured, inherited, moved by chmod."""

import errno
import os
import struct
import tracemalloc

import pytest

from labelproof.v1 import mds_pb2

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
NOBODY = 0xFFFFFFFF


def listed(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NAMED = listed((1, 6, NOBODY), (2, 4, 1001), (4, 4, NOBODY), (16, 6, NOBODY), (32, 0, NOBODY))
PLAIN = listed((1, 6, NOBODY), (4, 4, NOBODY), (32, 0, NOBODY))


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


@pytest.mark.parametrize("what", ["modes", "directories"])
def test_memory_is_not_filled_with_large_lists(run, what):
    """A list of 64 KB that a chmod makes anew, or each new directory inherits, is kept in the tables only."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d", 0o700)
        named = [(2, 4, 2000 + number) for number in range(8000)]
        rest = ((4, 4, NOBODY), (16, 6, NOBODY), (32, 0, NOBODY))
        await user.setxattr("/d", ACCESS if what == "modes" else DEFAULT, listed((1, 6, NOBODY), *named, *rest))
        tracemalloc.start()
        for number in range(32):
            if what == "modes":
                await user.setattr("/d", mode=0o600 + number)
            else:
                await user.mkdir(f"/d/{number}")
                await user.stat(f"/d/{number}")
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert kept < 1 << 20

    run(scenario)


def test_a_list_lets_in_whom_it_names(run):
    """The named user may read and no more, others nothing; the mode shows the mask, and chmod moves it."""

    async def scenario(world):
        user, named, other = world.user(), world.user(uid=1001, gid=1001), world.user(uid=1002, gid=1002)
        await user.create("/f", 0o600)
        await refused(named.open("/f"), errno.EACCES)
        await user.setxattr("/f", ACCESS, NAMED)

        assert (await user.stat("/f")).entry.mode == 0o100660
        await named.open("/f")
        await refused(named.open("/f", os.O_WRONLY), errno.EACCES)
        await refused(other.open("/f"), errno.EACCES)
        await user.setattr("/f", mode=0o600)
        await refused(named.open("/f"), errno.EACCES)
        assert (await user.getxattr("/f", ACCESS))[4 + 3 * 8 :][2:4] == b"\0\0"

    run(scenario)


def test_a_list_has_hooks_of_its_own(run):
    """A list asks as stat and chmod do, by hooks of its own; what it says, and that a link has none, is for after."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        target, ticket = await user.name("/l")
        await user.mds("symlink", mds_pb2.SymlinkRequest(name=target, target=b"f"), ticket)
        seen = len(world.events("mds0", "avc"))

        await user.setxattr("/f", ACCESS, NAMED)
        await user.getxattr("/f", ACCESS)
        await user.by_name("removexattr", "/f", mds_pb2.RemovexattrRequest, name=ACCESS)
        await refused(user.setxattr("/l", ACCESS, NAMED), errno.EOPNOTSUPP)
        await refused(user.setxattr("/l", ACCESS, NAMED[:-1]), errno.EINVAL)

        asked = [(e["hook"], e["tclass"], e["requested"]) for e in world.events("mds0", "avc")[seen:]]
        assert [each for each in asked if "acl" in each[0]] == [
            ("inode_set_acl", "file", ["setattr"]),
            ("inode_get_acl", "file", ["getattr"]),
            ("inode_remove_acl", "file", ["setattr"]),
            ("inode_set_acl", "lnk_file", ["setattr"]),
            ("inode_set_acl", "lnk_file", ["setattr"]),
        ]
        assert not any("xattr" in hook for hook, _, _ in asked)

    run(scenario)


def test_a_list_that_is_a_mode_becomes_the_mode(run):
    """Three classes and nobody named: the mode changes, and no list is kept; removing what is not there is no error."""

    async def scenario(world):
        user = world.user()
        await user.create("/f", 0o600)
        await user.setxattr("/f", ACCESS, PLAIN)

        assert (await user.stat("/f")).entry.mode == 0o100640
        assert await user.getxattr("/f", ACCESS) is None
        assert await user.listxattr("/f") == ["security.selinux"]

    run(scenario)


def test_a_default_list_is_inherited_in_place_of_the_umask(run):
    """New files get it as their list, cut to the mode asked for; new directories keep it as their default too."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")
        await user.setxattr("/d", DEFAULT, NAMED)
        made = await user.open("/d/f", os.O_CREAT | os.O_WRONLY, 0o666, 0o077)
        await user.mkdir("/d/e", 0o777, 0o077)

        assert made.attr.entry.mode == 0o100660
        assert await user.getxattr("/d/f", ACCESS) == NAMED
        assert await user.getxattr("/d/e", DEFAULT) == NAMED

    run(scenario)


def test_who_may_set_which_list(run):
    """The owner; a default list belongs to a directory; a link has none."""

    async def scenario(world):
        user, other = world.user(), world.user(uid=1001, gid=1001)
        await user.create("/f")

        await refused(other.setxattr("/f", ACCESS, NAMED), errno.EPERM)
        await refused(user.setxattr("/f", DEFAULT, NAMED), errno.EACCES)
        await refused(user.setxattr("/f", "system.other", b"x"), errno.EOPNOTSUPP)
        await refused(user.setxattr("/f", ACCESS, b"bad"), errno.EINVAL)

    run(scenario)


def test_what_names_nobody_has_no_id(run):
    """Whatever stands there in the value that is set (posix_acl_to_xattr); an empty value is no list."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        await user.setxattr("/f", ACCESS, NAMED.replace(b"\xff", b"\7"))

        assert await user.getxattr("/f", ACCESS) == NAMED
        await refused(user.setxattr("/f", ACCESS, b""), errno.EINVAL)

    run(scenario)
