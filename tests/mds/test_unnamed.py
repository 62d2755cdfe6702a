"""Open files that are not what a name led to: O_TMPFILE, O_PATH, and what can be made of a handle."""

import errno
import os

import pytest

from labelproof.v1 import mds_pb2

TMPFILE = os.O_TMPFILE | os.O_RDWR


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


async def link(user, opened, path: str):
    name, ticket = await user.name(path)
    return await user.mds("link", mds_pb2.LinkRequest(handle=opened.handle, name=name), ticket)


def label(entry) -> bytes:
    return entry.labels[0].value


def test_a_file_without_a_name_has_the_directorys_label_and_goes_with_its_last_handle(run):
    """O_TMPFILE asks write of the directory and for the open alone; a file that never had a name ends at close."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")
        opened = await user.open("/d", TMPFILE, 0o666, 0o022)

        assert (opened.attr.nlink, opened.attr.entry.mode, opened.created) == (0, 0o100644, True)
        assert label(opened.attr.entry) == b"user_u:object_r:home_t:s0"
        asked = [(e["hook"], e["tclass"], e["requested"]) for e in world.events("mds0", "avc")][-2:]
        assert [a[:2] for a in asked] == [("inode_permission", "dir"), ("file_open", "file")]
        await user.close(opened)
        gone = mds_pb2.GetattrRequest(place=mds_pb2.Place(fid=opened.attr.entry.fid))
        await refused(user.mds("getattr", gone, opened.ticket), errno.ESTALE)

    run(scenario)


def test_it_can_be_given_a_name_once_unless_it_was_exclusive(run):
    """linkat of the handle names it; with O_EXCL, or when it lost its names, there is nothing to link."""

    async def scenario(world):
        user = world.user()
        opened = await user.open_root(TMPFILE)
        never = await user.open_root(TMPFILE | os.O_EXCL)
        linked = await link(user, opened, "/f")

        assert linked.attr.nlink == 1
        await user.close(opened)
        assert (await user.stat("/f")).entry.fid == opened.attr.entry.fid
        await refused(link(user, never, "/g"), errno.ENOENT)
        again = await user.open("/f")
        await user.remove("/f")
        await refused(link(user, again, "/f"), errno.ENOENT)

    run(scenario)


def test_o_path_asks_nothing_of_the_file_and_gives_no_access(run):
    """A place can be held, looked at and linked by who may not open it; whatever needs an open file is EBADF."""

    async def scenario(world):
        user = world.user()
        await user.create("/f", 0o000)
        held = await user.open("/f", os.O_PATH)
        place = mds_pb2.Place(handle=held.handle)

        assert (held.token, len(held.handle)) == (b"", 16)
        assert (await user.mds("getattr", mds_pb2.GetattrRequest(place=place))).attr.nlink == 1
        await link(user, held, "/g")
        await refused(user.mds("setattr", mds_pb2.SetattrRequest(place=place, mode=0o600)), errno.EBADF)
        await refused(user.mds("getxattr", mds_pb2.GetxattrRequest(place=place, name="user.x")), errno.EBADF)
        await refused(user.mds("open", mds_pb2.OpenRequest(place=place)), errno.EACCES)

    run(scenario)


def test_o_path_of_a_link_is_the_link_itself_if_it_is_not_to_be_followed(run):
    """O_PATH|O_NOFOLLOW opens a symbolic link; without O_NOFOLLOW the client has to follow it."""

    async def scenario(world):
        user = world.user()
        name, ticket = await user.name("/l")
        await user.mds("symlink", mds_pb2.SymlinkRequest(name=name, target=b"f"), ticket)

        held = await user.open("/l", os.O_PATH | os.O_NOFOLLOW)
        read = await user.mds("readlink", mds_pb2.ReadlinkRequest(place=mds_pb2.Place(handle=held.handle)))

        assert read.target == b"f"
        await refused(user.open("/l", os.O_PATH), errno.ELOOP)
        await refused(user.open("/l", os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY), errno.ENOTDIR)

    run(scenario)


def test_an_open_file_is_opened_again_under_its_own_checks(run):
    """By its handle a file is opened anew, without a name and with every check of an open."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", os.O_CREAT | os.O_WRONLY, 0o400)
        await user.remove("/f")
        again = mds_pb2.OpenRequest(place=mds_pb2.Place(handle=opened.handle), flags=os.O_RDONLY)

        read = await user.mds("open", again)
        again.flags = os.O_RDWR
        await refused(user.mds("open", again), errno.EACCES)

        assert read.attr.entry.fid == opened.attr.entry.fid

    run(scenario)


def test_fifos_and_devices_open_and_sockets_do_not(run):
    """The open of a fifo or device is checked and granted, without data; a socket cannot be opened at all."""

    async def scenario(world):
        admin = world.admin()
        for kind, error in ((0o010000, 0), (0o020000, 0), (0o140000, errno.ENXIO)):
            name, ticket = await admin.name(f"/k{kind:o}")
            await admin.mds("mknod", mds_pb2.MknodRequest(name=name, mode=kind | 0o600, rdev=0x103), ticket)
            if error:
                await refused(admin.open(f"/k{kind:o}", os.O_RDWR), error)
            else:
                assert (await admin.open(f"/k{kind:o}", os.O_RDWR)).token == b""

    run(scenario)
