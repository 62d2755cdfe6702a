"""Names: what the operations on directories do, refuse and label."""

import errno
import os

import pytest

from labelproof.v1 import context_pb2, mds_pb2
from mds import inodes

XATTR = "security.selinux"


def label(entry) -> str:
    return {each.name: each.value.decode() for each in entry.labels}[XATTR]


async def refused(awaitable, number: int) -> OSError:
    """The error of an operation that must fail with that errno."""
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


def test_a_directory_is_made_with_the_label_of_the_policy(run):
    """mkdir in root_t gives a user's directory the type of the transition, and says so in the history."""

    async def scenario(world):
        user = world.user()
        made = await user.mkdir("/d", 0o755)

        entry = made.attr.entry
        assert label(entry) == "user_u:object_r:home_t:s0"
        assert (entry.mode, entry.uid, made.attr.nlink) == (0o40755, 1000, 2)
        assert (await user.stat("/")).nlink == 3
        event = world.events("mds0", "label")[-1]
        assert (event["new"], event["why"], event["as"], event["old"]) == (label(entry), "transition", "d", None)
        assert event["transno"] == made.receipt.transno == made.receipt.last_committed

    run(scenario)


def test_below_a_directory_of_the_same_type_the_label_is_inherited(run):
    """Without a rule the type is the directory's, and history says `inherit`."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")
        made = await user.mkdir("/d/e")

        assert label(made.attr.entry) == "user_u:object_r:home_t:s0"
        assert world.events("mds0", "label")[-1]["why"] == "inherit"

    run(scenario)


def test_fscreate_gives_the_label_and_is_asked_for_again(run):
    """The subject's fscreate wins over the policy's rule; the MDS asks process{setfscreate} itself."""

    async def scenario(world):
        chosen = "user_u:object_r:project_t:s0"
        made = await world.user(fscreate=chosen).mkdir("/d")

        assert label(made.attr.entry) == chosen
        assert world.events("mds0", "label")[-1]["why"] == "fscreate"
        asked = [e for e in world.events("mds0", "avc") if e["hook"] == "setprocattr"]
        assert [e["requested"] for e in asked] == [["setfscreate"]]
        denied = world.user(type_="nofscreate_t", fscreate=chosen).mkdir("/e")
        assert "setfscreate" in str(await refused(denied, errno.EACCES))
        await refused(world.user().stat("/e"), errno.ENOENT)

    run(scenario)


@pytest.mark.parametrize(("claimed", "error"), [("home_t", 0), ("project_t", errno.EACCES)])
def test_a_claim_that_differs_is_refused(run, claimed, error):
    """A client's own idea of the label is accepted only if it is what the MDS computes."""

    async def scenario(world):
        value = f"user_u:object_r:{claimed}:s0".encode()
        claim = mds_pb2.Claim(label=context_pb2.Label(name=XATTR, value=value))
        making = world.user().mkdir("/d", claim=claim)
        if error:
            await refused(making, error)
            await refused(world.user().stat("/d"), errno.ENOENT)
        else:
            assert label((await making).attr.entry).encode() == value

    run(scenario)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", errno.EINVAL), (".", errno.EINVAL), ("..", errno.EINVAL), ("a\0b", errno.EINVAL),
        ("x" * 256, errno.ENAMETOOLONG), ("x" * 255, 0), ("\udcff", 0),
    ],
)  # fmt: skip
def test_names_that_are_none_are_refused(run, name, error):
    """A name has 1 to 255 bytes, any but NUL and the slash, and is neither . nor ..; bytes need not be UTF-8."""

    async def scenario(world):
        user = world.user()
        root = await user.at("/")
        place = mds_pb2.Name(parent=root, name=os.fsencode(name))
        ticket = user.tickets[root.SerializeToString()]
        making = user.mds("mkdir", mds_pb2.MkdirRequest(name=place, mode=0o755), ticket)
        if error:
            await refused(making, error)
        else:
            await making

    run(scenario)


def test_a_slash_in_a_name_is_refused(run):
    """The client walks; a path with several components names nothing here."""

    async def scenario(world):
        user = world.user()
        root = await user.at("/")
        place = mds_pb2.Name(parent=root, name=b"a/b")
        ticket = user.tickets[root.SerializeToString()]

        await refused(user.mds("lookup", mds_pb2.LookupRequest(name=place), ticket), errno.EINVAL)

    run(scenario)


def test_search_of_the_first_path_comes_before_a_component_of_the_second(run):
    """A Lookup that brings the first path's directory asks search there before; by a ticket, and on its own label."""

    async def scenario(world):
        user, admin = world.user(), world.admin()
        for path in ("/open", "/shut"):
            await user.mkdir(path)
        root, opened, shut = [await user.at(path) for path in ("/", "/open", "/shut")]
        ticket, first = [user.tickets[fid.SerializeToString()] for fid in (root, opened)]
        asked = mds_pb2.LookupRequest(name=mds_pb2.Name(parent=root, name=b"shut"), first=opened, first_ticket=first)

        async def searched(request):
            seen = len(world.events("mds0", "avc"))
            await request
            events = world.events("mds0", "avc")[seen:]
            return [e["role"] for e in events if e["module"] == "selinux" and e["vantage"] == "server"]

        assert await searched(user.mds("lookup", asked, ticket)) == ["first", "parent"]
        asked.first_ticket = b""
        await refused(user.mds("lookup", asked, ticket), errno.EACCES)
        await admin.relabel("/shut", "shadow_t")
        asked.first.CopyFrom(shut)
        asked.first_ticket = user.tickets[shut.SerializeToString()]
        assert await searched(refused(user.mds("lookup", asked, ticket), errno.EACCES)) == ["first"]

    run(scenario)


def test_a_fid_alone_opens_nothing(run):
    """By FID an rpc needs a walk ticket of its own subject."""

    async def scenario(world):
        alice, bob = world.user(), world.user(uid=1001)
        made = await alice.mkdir("/d")
        place = mds_pb2.Place(fid=made.attr.entry.fid)
        request = mds_pb2.GetattrRequest(place=place)

        assert (await alice.mds("getattr", request, made.ticket)).attr.nlink == 2
        await refused(alice.mds("getattr", request), errno.EACCES)
        await refused(bob.mds("getattr", request, made.ticket), errno.EACCES)

    run(scenario)


def test_the_mode_follows_umask_and_the_set_gid_directory(run):
    """Set-gid directories hand on group and bit; umask takes permissions only."""

    async def scenario(world):
        user = world.user(groups=(5,))
        await user.mkdir("/d", 0o755)
        await user.setattr("/d", gid=5)
        await user.setattr("/d", mode=0o2777)
        sub = (await user.mkdir("/d/sub", 0o777, umask=0o022)).attr.entry
        file = (await user.create("/d/f", 0o666)).attr.entry

        assert (oct(sub.mode), sub.gid) == ("0o42755", 5)
        assert (oct(file.mode), file.gid) == ("0o100666", 5)

    run(scenario)


def test_unlink_and_rmdir_in_the_kernels_order(run):
    """ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, and what is left counts its links."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")
        await user.mkdir("/d/sub")
        await user.create("/d/f")

        await refused(user.remove("/d/none"), errno.ENOENT)
        await refused(user.remove("/d/sub"), errno.EISDIR)
        await refused(user.remove("/d/f", "rmdir"), errno.ENOTDIR)
        await refused(user.remove("/d", "rmdir"), errno.ENOTEMPTY)
        await user.remove("/d/f")
        await user.remove("/d/sub", "rmdir")
        assert (await user.stat("/d")).nlink == 2
        await user.remove("/d", "rmdir")
        await refused(user.stat("/d"), errno.ENOENT)

    run(scenario)


def test_a_sticky_directory_keeps_others_files(run):
    """In a sticky directory only the owner of file or directory removes; EPERM before the module is asked."""

    async def scenario(world):
        await world.user().create("/f")

        await refused(world.user(uid=1001).remove("/f"), errno.EPERM)
        await world.user().remove("/f")

    run(scenario)


def test_links_share_the_inode_and_its_label(run):
    """A second name is the same object, whose label stays; the first one gone, the second still works."""

    async def scenario(world):
        user = world.user()
        made = await user.create("/f")
        linked = await user.link("/f", "/g")
        await user.remove("/f")
        found = await user.stat("/g")

        assert linked.attr.nlink == 2
        assert found.nlink == 1
        assert found.entry.fid == made.attr.entry.fid
        assert label(found.entry) == label(made.attr.entry)

    run(scenario)


def test_rename_moves_replaces_and_refuses(run):
    """Over files and empty directories it replaces; loops, full directories and NOREPLACE are refused."""

    async def scenario(world):
        user = world.user()
        for path in ("/a", "/b", "/b/sub"):
            await user.mkdir(path)
        await user.create("/a/f")
        await user.create("/a/g")

        await user.rename("/a/f", "/b/f")
        await refused(user.stat("/a/f"), errno.ENOENT)
        await refused(user.rename("/a/g", "/b/f", 1), errno.EEXIST)
        await refused(user.rename("/b", "/b/sub/x"), errno.EINVAL)
        await refused(user.rename("/a", "/b"), errno.ENOTEMPTY)
        await refused(user.rename("/a/g", "/b/f", 3), errno.EINVAL)
        await user.rename("/a/g", "/b/f")
        await user.rename("/b/sub", "/a/sub")
        assert (await user.stat("/a")).nlink == 3
        assert (await user.stat("/b")).nlink == 2
        await refused(user.rename("/b/sub/..", "/b/x"), errno.ENOENT)

    run(scenario)


def test_renaming_two_names_of_one_file_does_nothing(run):
    """The kernel asks nothing beyond search, and both names stay."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        await user.link("/f", "/g")
        await user.rename("/f", "/g")

        assert (await user.stat("/f")).nlink == 2
        reply = [e for e in world.events("mds0", "rpc") if e["method"] == "Mds/Rename"][-1]
        assert reply["case"] == "same-inode"
        assert {hook for hook, *_ in reply["fired"]} == {"inode_permission"}

    run(scenario)


def test_symlinks_and_special_files(run):
    """A link gives its target back; a device needs CAP_MKNOD; a fifo does not."""

    async def scenario(world):
        user = world.user()
        name, ticket = await user.name("/l")
        await user.mds("symlink", mds_pb2.SymlinkRequest(name=name, target=b"some/where"), ticket)
        link = await user.by_name("readlink", "/l", mds_pb2.ReadlinkRequest)
        name, ticket = await user.name("/p")
        await user.mds("mknod", mds_pb2.MknodRequest(name=name, mode=0o010644), ticket)
        device, ticket = await user.name("/dev")
        await refused(
            user.mds("mknod", mds_pb2.MknodRequest(name=device, mode=0o020644, rdev=259), ticket), errno.EPERM
        )
        long = mds_pb2.SymlinkRequest(name=device, target=b"x" * 4096)
        await refused(user.mds("symlink", long, ticket), errno.ENAMETOOLONG)

        assert link.target == b"some/where"
        assert (await user.stat("/l")).size == 10
        assert oct((await user.stat("/p")).entry.mode) == "0o10644"
        await refused(user.open("/l"), errno.ELOOP)
        await refused(user.by_name("readlink", "/p", mds_pb2.ReadlinkRequest), errno.EINVAL)

    run(scenario)


def test_a_denied_operation_changes_nothing(run):
    """A guest may not add names: EACCES naming the permission, and nothing is there after."""

    async def scenario(world):
        before = await world.user().stat("/")
        error = await refused(world.user(type_="guest_t").mkdir("/d"), errno.EACCES)
        after = await world.user().stat("/")

        assert "guest_t" in str(error)
        assert before == after
        await refused(world.user().stat("/d"), errno.ENOENT)

    run(scenario)


def test_a_missing_hook_rolls_the_step_back(run, monkeypatch):
    """Complete mediation: an op that does not ask all that it declares changes nothing and is a finding."""

    async def scenario(world):
        from lsm import vfs

        kept = vfs.OPS["mkdir"]
        monkeypatch.setitem(vfs.OPS, "mkdir", kept[:-1])
        await refused(world.user().mkdir("/d"), errno.EACCES)
        monkeypatch.setitem(vfs.OPS, "mkdir", kept)

        await refused(world.user().stat("/d"), errno.ENOENT)
        reply = [e for e in world.events("mds0", "rpc") if e["method"] == "Mds/Mkdir" and e["phase"] == "reply"][-1]
        assert "inode_mkdir" in reply["finding"]
        assert [e for e in world.events("mds0", "label") if e["as"] == "d"] == []

    run(scenario)


def test_a_directory_with_too_many_subdirectories_to_count_has_one_link(run):
    """As ext4 with dir_nlink: no EMLINK; beyond 65,000 links it has 1, and keeps that when some go or come."""

    async def scenario(world):
        user = world.user()
        for path in ("/d", "/e", "/e/f"):
            await user.mkdir(path)
        fid = world.mdt.peeked(None, [(await user.name("/d"))[0]])[-1]
        with world.mdt.store.op(None) as txn:
            inodes.update(txn, fid, nlink=inodes.LINKS_MAX - 1)
        seen = []
        for act in (
            lambda: user.mkdir("/d/a"), lambda: user.mkdir("/d/b"), lambda: user.rename("/e/f", "/d/c"),
            lambda: user.remove("/d/b", "rmdir"), lambda: user.rename("/d/c", "/e/f"),
        ):  # fmt: skip
            await act()
            seen.append((await user.stat("/d")).nlink)

        assert seen == [inodes.LINKS_MAX, 1, 1, 1, 1]
        assert (await user.stat("/e")).nlink == 3

    run(scenario)
