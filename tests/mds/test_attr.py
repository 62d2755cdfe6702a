"""Attributes and xattrs: what changes, who may, and in which order it is refused."""

import errno
import os

import pytest

import rpc
from labelproof.v1 import mds_pb2
from lsm import Caps
from mds import inodes

XATTR = "security.selinux"
CHOWN, FSETID = 1 << 0, 1 << 4


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


def test_chmod_is_the_owners_and_asks_mac_first(run):
    """Another's file: EPERM, after setattr was granted; in a domain without setattr: EACCES."""

    async def scenario(world):
        await world.user().create("/f", 0o666)

        assert oct((await world.user().setattr("/f", mode=0o4711)).entry.mode) == "0o104711"
        await refused(world.user(uid=1001).setattr("/f", mode=0o600), errno.EPERM)
        await refused(world.user(type_="guest_t").setattr("/f", mode=0o600), errno.EACCES)
        assert oct((await world.user().stat("/f")).entry.mode) == "0o104711"

    run(scenario)


def test_who_follows_a_link_is_asked_nothing_about_it(run):
    """ELOOP, and no decision: what counts is the object that it leads to."""

    async def scenario(world):
        user = world.user()
        name, ticket = await user.name("/l")
        await user.mds("symlink", mds_pb2.SymlinkRequest(name=name, target=b"f"), ticket)
        await world.admin().relabel("/l", "secret_t")
        user.op = "followed"

        await refused(user.by_name("getattr", "/l", mds_pb2.GetattrRequest, follow=True), errno.ELOOP)
        await refused(user.stat("/l"), errno.EACCES)
        asked = [e for e in world.events("mds0", "avc") if e["op"] == "followed" and e["tclass"] == "lnk_file"]
        assert [e["hook"] for e in asked] == ["inode_getattr"]

    run(scenario)


def test_chown_needs_the_capability_and_takes_set_id(run):
    """Giving a file away is CAP_CHOWN's; one's own groups are free; the set-uid bit goes."""

    async def scenario(world):
        user = world.user(groups=(7,))
        await user.create("/f")
        await user.setattr("/f", mode=0o6755)

        await refused(user.setattr("/f", uid=1001), errno.EPERM)
        await refused(user.setattr("/f", gid=9), errno.EPERM)
        changed = await user.setattr("/f", gid=7)
        assert (changed.entry.gid, oct(changed.entry.mode)) == (7, "0o100755")
        given = await world.admin().setattr("/f", uid=1001)
        assert given.entry.uid == 1001

    run(scenario)


def test_times_are_the_owners_or_now(run):
    """Explicit times are the owner's; `now` needs only write access."""

    async def scenario(world):
        await world.user().create("/f", 0o666)
        other = world.user(uid=1001)

        set_ = await world.user().setattr("/f", atime_ns=5, mtime_ns=-7)
        assert (set_.atime_ns, set_.mtime_ns) == (5, -7)
        await refused(other.setattr("/f", mtime_ns=1), errno.EPERM)
        touched = await other.setattr("/f", now=True)
        assert touched.mtime_ns == touched.atime_ns == touched.ctime_ns > 10**18

    run(scenario)


@pytest.mark.parametrize(
    "fields", [{}, {"mode": 0o100000}, {"uid": (1 << 32) - 1}, {"now": True, "mtime_ns": 1}], ids=str
)
def test_attributes_that_no_inode_has_are_refused(run, fields):
    """EINVAL, before anything is asked."""

    async def scenario(world):
        await world.user().create("/f")

        await refused(world.user().setattr("/f", **fields), errno.EINVAL)

    run(scenario)


def test_xattrs_are_set_got_listed_and_removed(run):
    """Values may be empty, flags decide between new and old, absent is told from empty."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        await user.setxattr("/f", "user.a", b"")
        await user.setxattr("/f", "user.b", b"x" * 65536)

        assert await user.getxattr("/f", "user.a") == b""
        assert await user.getxattr("/f", "user.none") is None
        assert await user.listxattr("/f") == [XATTR, "user.a", "user.b"]
        await refused(user.setxattr("/f", "user.a", b"1", 1), errno.EEXIST)
        await refused(user.setxattr("/f", "user.c", b"1", 2), errno.ENODATA)
        await user.by_name("removexattr", "/f", mds_pb2.RemovexattrRequest, name="user.a")
        await refused(user.by_name("removexattr", "/f", mds_pb2.RemovexattrRequest, name="user.a"), errno.ENODATA)

    run(scenario)


@pytest.mark.parametrize(
    ("name", "value", "flags", "error"),
    [
        ("user.x", bytes(65537), 0, errno.E2BIG), ("user.x", b"", 4, errno.EINVAL), ("user.", b"", 0, errno.EINVAL),
        ("user.a\0b", b"", 0, errno.EINVAL), ("user." + "x" * 251, b"", 0, errno.ERANGE),
        ("other.x", b"", 0, errno.EOPNOTSUPP), ("security.SMACK64", b"_", 0, errno.EPERM),
        ("security.ima", b"", 0, errno.EPERM), ("system.posix_acl_access", b"\2", 0, errno.EINVAL),
        ("trusted.x", b"", 0, errno.EPERM), ("security.other", b"", 0, errno.EPERM),
    ],
)  # fmt: skip
def test_xattrs_that_cannot_be_set(run, name, value, flags, error):
    """Hostile names and values, namespaces not kept here, and those that need a capability."""

    async def scenario(world):
        await world.user().create("/f")

        await refused(world.user().setxattr("/f", name, value, flags), error)
        assert await world.user().listxattr("/f") == [XATTR]

    run(scenario)


@pytest.mark.parametrize("name", ["security.SMACK64", "security.apparmor", "security.ima", "security.evm"])
def test_what_another_module_would_label_is_an_attribute_of_its_namespace(run, name):
    """ENODATA where there is none; set and removed by who has CAP_SYS_ADMIN, as any other in security.*."""

    async def scenario(world):
        admin = world.admin()
        await world.user().create("/f")

        assert await admin.getxattr("/f", name) is None
        await admin.setxattr("/f", name, b"_")
        assert (await admin.getxattr("/f", name), await admin.listxattr("/f")) == (b"_", [name, XATTR])
        await admin.by_name("removexattr", "/f", mds_pb2.RemovexattrRequest, name=name)
        await refused(admin.by_name("removexattr", "/f", mds_pb2.RemovexattrRequest, name=name), errno.ENODATA)

    run(scenario)


@pytest.mark.parametrize(("name", "flags"), [("user.x", 4), ("", 0), ("user." + "x" * 251, 0)])
def test_the_object_is_found_before_name_and_flags_are_looked_at(run, name, flags):
    """ENOENT, and the directory's own refusal, come before what is wrong with the rest of the call."""

    async def scenario(world):
        await world.admin().mkdir("/d", 0o700)

        await refused(world.user().setxattr("/gone", name, b"", flags), errno.ENOENT)
        await refused(world.user().setxattr("/d/f", name, b"", flags), errno.EACCES)

    run(scenario)


def test_trusted_names_are_shown_to_who_may_use_them(run):
    """listxattr leaves trusted.* out without CAP_SYS_ADMIN."""

    async def scenario(world):
        await world.user().create("/f", 0o666)
        await world.admin().setxattr("/f", "trusted.t", b"1")

        assert await world.admin().listxattr("/f") == [XATTR, "trusted.t"]
        assert await world.user().listxattr("/f") == [XATTR]

    run(scenario)


def test_without_a_stored_label_the_initial_sid_is_shown_but_not_listed(run):
    """As the kernel: getxattr gives the `file` initial SID's context, listxattr does not name it."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        with world.mdt.store.op(None) as txn:
            inodes.remove_xattr(txn, rpc.fid_of(await user.at("/f")), XATTR)
        admin = world.admin()

        assert b":file_t:" in await admin.getxattr("/f", XATTR)
        assert await admin.listxattr("/f") == []
        entry = (await admin.by_name("getattr", "/f", mds_pb2.GetattrRequest)).attr.entry
        assert not entry.labels[0].HasField("value")

    run(scenario)


def test_statfs_asks_the_filesystem(run):
    """The superblock has the label that the policy's fs_use rule gives it."""

    async def scenario(world):
        figures = await world.user().mds("statfs", mds_pb2.StatfsRequest())

        assert (figures.name_max, figures.files) == (255, 1)
        asked = [e for e in world.events("mds0", "avc") if e["hook"] == "sb_statfs"]
        assert [(e["tclass"], e["tcontext"]) for e in asked] == [("filesystem", "system_u:object_r:lustre_fs_t:s0")]

    run(scenario)


def test_a_truncated_file_loses_its_set_id(run):
    """Changing the content of a set-uid file takes the bit, but for CAP_FSETID as far as the policy gives it."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        await user.setattr("/f", mode=0o4755)
        await user.setattr("/f", size=3)
        assert oct((await user.stat("/f")).entry.mode) == "0o100755"

        strong = world.user(caps=Caps(CHOWN | FSETID, CHOWN | FSETID))
        await strong.setattr("/f", mode=0o4755)
        assert oct((await strong.setattr("/f", size=4)).entry.mode) == "0o104755"

        await strong.setattr("/f", mode=0o4777)
        denied_by_policy = await world.bounded().setattr("/f", size=5)
        assert oct(denied_by_policy.entry.mode) == "0o100777"

    run(scenario)


def test_who_cuts_a_set_id_file_is_asked_about_fsetid_first(run):
    """truncate, ftruncate and O_TRUNC: CAP_FSETID is asked about before the hook, once (fs/open.c, do_truncate)."""

    async def scenario(world):
        admin = world.admin()
        opened = await admin.open("/f", os.O_CREAT | os.O_RDWR, 0o777)
        at = mds_pb2.Place(handle=opened.handle)

        async def asked(act):
            await admin.setattr("/f", mode=0o4755)
            seen = len(world.events("mds0", "avc"))
            await act
            events = [
                e for e in world.events("mds0", "avc")[seen:] if (e["vantage"], e["module"]) == ("server", "selinux")
            ]
            return [e["hook"] for e in events if e["hook"] in ("capable", "inode_setattr")]

        assert await asked(admin.setattr("/f", size=3)) == ["capable", "inode_setattr"]
        cut = admin.mds("setattr", mds_pb2.SetattrRequest(place=at, size=2))
        assert await asked(cut) == ["capable", "inode_setattr"]
        assert await asked(admin.open("/f", os.O_WRONLY | os.O_TRUNC)) == ["capable", "inode_setattr"]

    run(scenario)


def test_the_end_of_an_open_file_is_asked_of_nobody(run):
    """A seek needs no more than the descriptor, also after a relabel to what the opener may not write."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", os.O_RDWR | os.O_CREAT)
        await user.write(opened, 0, b"abcd")
        await world.admin().relabel("/f", "ro_t")
        asked = mds_pb2.GetattrRequest(place=mds_pb2.Place(handle=opened.handle), end=True)

        assert (await user.mds("getattr", asked)).attr.size == 4
        await refused(user.write(opened, 4, b"y"), errno.EACCES)

    run(scenario)
