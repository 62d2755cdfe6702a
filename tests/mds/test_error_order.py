"""Where DAC, structure and MAC compete: which of them is heard of, as fs/namei.c, fs/attr.c and fs/xattr.c order it.

The world: `w` may be written, `r` not (0555), `t` is sticky and another's, `no` may not even be searched (secret_t). In
each of the first three: `file` and `dir` allow everything, `secret` and `closed` (a directory) are forbidden by MAC,
`full` and `shut` are directories with something in them, `shut` forbidden, `link` and `hidden` are links, the latter
forbidden.
"""

import errno
import os

import pytest

from labelproof.v1 import mds_pb2

XATTR = "security.selinux"
LABEL = b"user_u:object_r:home_t:s0"
NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY
TMPFILE = os.O_TMPFILE | os.O_RDWR
CHR = 0o020644
CREATE, NOREPLACE, EXCHANGE = 1, 1, 2


async def lay(world) -> None:
    """Everything is the user's but `t` and what it holds; the administrator forbids some of it."""
    user, admin, other = world.user(), world.admin(), world.user(uid=1001, gid=1001)
    for path in ("/w", "/r", "/no"):
        await user.mkdir(path)
    await other.mkdir("/t", 0o1777)
    for top, owner in (("/w", user), ("/r", user), ("/t", other)):
        for name in ("file", "secret"):
            await owner.create(f"{top}/{name}", 0o666)
        for name in ("dir", "closed", "full", "shut"):
            await owner.mkdir(f"{top}/{name}")
        for name in ("full", "shut"):
            await owner.create(f"{top}/{name}/x")
        for name in ("link", "hidden"):
            at, ticket = await owner.name(f"{top}/{name}")
            await owner.mds("symlink", mds_pb2.SymlinkRequest(name=at, target=b"file"), ticket)
        for name in ("secret", "closed", "shut", "hidden"):
            await admin.relabel(f"{top}/{name}", "secret_t")
    await user.create("/w/mine", 0o000)
    await admin.relabel("/w/mine", "secret_t")
    await user.setattr("/r", mode=0o555)
    await admin.relabel("/no", "secret_t")


def mknod(path: str):
    async def act(user):
        name, ticket = await user.name(path)
        await user.mds("mknod", mds_pb2.MknodRequest(name=name, mode=CHR, rdev=0x103), ticket)

    return act


def removexattr(path: str):
    return lambda user: user.by_name("removexattr", path, mds_pb2.RemovexattrRequest, name=XATTR)


# What is done -> (the act, who of two competes, what comes of it). MAC means EACCES by a decision of the policy.
PAIRS = {
    # the way there
    "search before the name": (lambda u: u.stat("/no/none"), "MAC ENOENT", errno.EACCES),
    "search before its length": (lambda u: u.stat("/no/" + "n" * 256), "MAC ENAMETOOLONG", errno.EACCES),
    "search, then its length": (lambda u: u.stat("/w/" + "n" * 256), "ENAMETOOLONG ENOENT", errno.ENAMETOOLONG),
    "what is no directory": (lambda u: u.stat("/w/file/x"), "ENOTDIR ENOENT", errno.ENOTDIR),
    # taking names away
    "unlink: a name that is not there": (lambda u: u.remove("/r/none"), "ENOENT DAC", errno.ENOENT),
    "unlink: the directory's mode": (lambda u: u.remove("/r/dir"), "DAC EISDIR", errno.EACCES),
    "unlink: a forbidden directory": (lambda u: u.remove("/w/closed"), "EISDIR MAC", errno.EISDIR),
    "unlink: sticky": (lambda u: u.remove("/t/secret"), "DAC MAC", errno.EPERM),
    "unlink: forbidden": (lambda u: u.remove("/w/secret"), "MAC", errno.EACCES),
    "rmdir: a forbidden file": (lambda u: u.remove("/w/secret", "rmdir"), "ENOTDIR MAC", errno.ENOTDIR),
    "rmdir: forbidden and full": (lambda u: u.remove("/w/shut", "rmdir"), "MAC ENOTEMPTY", errno.EACCES),
    "rmdir: full": (lambda u: u.remove("/w/full", "rmdir"), "ENOTEMPTY", errno.ENOTEMPTY),
    "rmdir: sticky and full": (lambda u: u.remove("/t/full", "rmdir"), "DAC ENOTEMPTY", errno.EPERM),
    # making names
    "mkdir: a name that is taken": (lambda u: u.mkdir("/r/secret"), "EEXIST DAC", errno.EEXIST),
    "mkdir: the directory's mode": (lambda u: u.mkdir("/r/new"), "DAC", errno.EACCES),
    "mknod: a name that is taken": (mknod("/w/secret"), "EEXIST DAC", errno.EEXIST),
    "mknod: the directory before the capability": (mknod("/r/new"), "DAC EPERM", errno.EACCES),
    "mknod: the capability": (mknod("/w/new"), "EPERM MAC", errno.EPERM),
    "link: a name that is taken": (lambda u: u.link("/w/secret", "/w/file"), "EEXIST MAC", errno.EEXIST),
    "link: the directory's mode": (lambda u: u.link("/w/dir", "/r/new"), "DAC EPERM", errno.EACCES),
    "link: a forbidden directory": (lambda u: u.link("/w/closed", "/w/new"), "EPERM MAC", errno.EPERM),
    "link: forbidden": (lambda u: u.link("/w/secret", "/w/new"), "MAC", errno.EACCES),
    # moving them
    "rename: a name that is not there": (lambda u: u.rename("/r/none", "/r/x"), "ENOENT DAC", errno.ENOENT),
    "rename: no replacement": (lambda u: u.rename("/w/secret", "/w/file", NOREPLACE), "EEXIST MAC", errno.EEXIST),
    "rename: nothing to exchange": (lambda u: u.rename("/w/secret", "/r/none", EXCHANGE), "ENOENT DAC", errno.ENOENT),
    "rename: into itself": (lambda u: u.rename("/r", "/r/dir/x"), "EINVAL DAC", errno.EINVAL),
    "rename: over a forbidden directory": (lambda u: u.rename("/w/file", "/w/closed"), "EISDIR MAC", errno.EISDIR),
    "rename: directory over forbidden file": (lambda u: u.rename("/w/dir", "/w/secret"), "ENOTDIR MAC", errno.ENOTDIR),
    "rename: over a forbidden full one": (lambda u: u.rename("/w/dir", "/w/shut"), "MAC ENOTEMPTY", errno.EACCES),
    "rename: over one that is full": (lambda u: u.rename("/w/dir", "/w/full"), "ENOTEMPTY", errno.ENOTEMPTY),
    "rename: onto another's in a sticky one": (lambda u: u.rename("/w/file", "/t/secret"), "DAC MAC", errno.EPERM),
    # opening
    "open: exclusive": (lambda u: u.open("/w/secret", NEW), "EEXIST MAC", errno.EEXIST),
    "open: a forbidden directory to write": (lambda u: u.open("/w/closed", os.O_WRONLY), "EISDIR MAC", errno.EISDIR),
    "open: a file as directory": (lambda u: u.open("/w/secret", os.O_DIRECTORY), "ENOTDIR MAC", errno.ENOTDIR),
    "open: a forbidden link": (lambda u: u.open("/w/hidden", os.O_NOFOLLOW), "ELOOP MAC", errno.ELOOP),
    "open: mode bits": (lambda u: u.open("/w/mine"), "DAC MAC", errno.EACCES),
    "open: noatime of a forbidden one": (lambda u: u.open("/t/secret", os.O_NOATIME), "MAC EPERM", errno.EACCES),
    "open: noatime of another's": (lambda u: u.open("/t/file", os.O_NOATIME), "DAC", errno.EPERM),
    "open: a nameless file in a file": (lambda u: u.open("/w/secret", TMPFILE), "ENOTDIR MAC", errno.ENOTDIR),
    # attributes: the hook before the owner
    "chmod: forbidden and another's": (lambda u: u.setattr("/t/secret", mode=0o600), "MAC EPERM", errno.EACCES),
    "chmod: another's": (lambda u: u.setattr("/t/file", mode=0o600), "DAC", errno.EPERM),
    "chown: forbidden": (lambda u: u.setattr("/w/secret", uid=7), "MAC EPERM", errno.EACCES),
    "truncate: a forbidden directory": (lambda u: u.setattr("/w/closed", size=0), "EISDIR MAC", errno.EISDIR),
    "truncate: mode bits": (lambda u: u.setattr("/w/mine", size=0), "DAC MAC", errno.EACCES),
    "readlink: of a forbidden file": (
        lambda u: u.by_name("readlink", "/w/secret", mds_pb2.ReadlinkRequest), "EINVAL MAC", errno.EINVAL,
    ),
    # extended attributes
    "label: another's": (lambda u: u.setxattr("/t/secret", XATTR, LABEL), "EPERM MAC", errno.EPERM),
    "label: forbidden and no context": (lambda u: u.setxattr("/w/secret", XATTR, b"x"), "MAC EINVAL", errno.EACCES),
    "label: there already": (lambda u: u.setxattr("/w/file", XATTR, LABEL, CREATE), "EEXIST", errno.EEXIST),
    "label: removed": (removexattr("/w/file"), "EACCES", errno.EACCES),
    "user.*: of a link": (lambda u: u.setxattr("/w/hidden", "user.x", b""), "EPERM MAC", errno.EPERM),
    "user.*: forbidden and there": (lambda u: u.setxattr("/w/secret", "user.x", b"", 2), "MAC ENODATA", errno.EACCES),
    "trusted.*: forbidden": (lambda u: u.setxattr("/w/secret", "trusted.x", b""), "EPERM MAC", errno.EPERM),
    "nobody's namespace: forbidden": (lambda u: u.setxattr("/w/secret", "no.x", b""), "MAC EOPNOTSUPP", errno.EACCES),
    "nobody's namespace": (lambda u: u.setxattr("/w/file", "no.x", b""), "EOPNOTSUPP", errno.EOPNOTSUPP),
}  # fmt: skip


def test_who_competes_is_heard_in_the_kernels_order(run):
    """Every pair of the table in one world: the errno, and whether it was the policy that said it."""
    found = {}

    async def scenario(world):
        await lay(world)
        for name, (act, _, _) in PAIRS.items():
            user = world.user()
            user.op = f"op-{len(found)}"
            with pytest.raises(OSError) as refused:
                await act(user)
            denied = [e for e in world.events("mds0", "avc") if e["op"] == user.op and not e["allowed"]]
            by_policy = bool(denied) and denied[-1]["module"] == "selinux"
            found[name] = (errno.errorcode[refused.value.errno], by_policy)

    run(scenario)

    assert found == {
        name: (errno.errorcode[number], pair.split()[0] == "MAC") for name, (_, pair, number) in PAIRS.items()
    }
