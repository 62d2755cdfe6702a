"""Setting a label: the same on the MDT and on every object, or nowhere."""

import asyncio
import errno

import pytest

import rpc
from labelproof.v1 import mds_pb2
from mds import relabels

XATTR = "security.selinux"
NEW = 0o302  # O_CREAT | O_EXCL | O_RDWR


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


def stored(world) -> dict[str, set[bytes]]:
    """Where -> the labels of files there."""
    return {
        name: {o.labels[0].value.split(b":")[2] for o in server.app.collect() if o.mode & 0o100000}
        for name, server in world.servers.items()
    }


async def written(world) -> None:
    user = world.user()
    opened = await user.open("/f", NEW)
    await user.write(opened, 0, b"abcdefgh")
    await user.close(opened)


def test_a_relabel_reaches_every_object(run):
    """One setxattr: MDT and both OSTs have the new label, one version up, and each says so."""

    async def scenario(world):
        await written(world)
        reply = await world.user().setxattr("/f", XATTR, b"user_u:object_r:project_t:s0\0")

        assert stored(world) == {name: {b"project_t"} for name in ("mds0", "oss0", "oss1")}
        assert reply.label_version == 2
        assert [(e["why"], e["version"]) for e in world.events("mds0", "label")][-1] == ("set", 2)
        assert [(e["why"], e["version"]) for e in world.events("oss1", "label")][-1] == ("relabel", 2)
        assert relabels.pending(world.mdt.store.view()) == []

    run(scenario)


def test_both_subjects_are_asked_at_the_ost(run):
    """The OST asks for the MDS itself and for the caller that it acts for."""

    async def scenario(world):
        await written(world)
        await world.user().setxattr("/f", XATTR, b"user_u:object_r:project_t:s0")

        asked = [e for e in world.events("oss0", "avc") if e["hook"] == "inode_setxattr"]
        sources = {(e["scontext"].split(":")[2], e["behalf"]) for e in asked if e["requested"] == ["relabelfrom"]}
        assert sources == {("kernel_t", False), ("user_t", True)}

    run(scenario)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"", errno.EINVAL), (b"nonsense", errno.EINVAL), (b"user_u:object_r:home_t:s0\n", errno.EINVAL),
        (b"user_u:object_r:norelabelto_t:s0", errno.EACCES), (b"user_u:object_r:noassoc_t:s0", errno.EACCES),
    ],
)  # fmt: skip
def test_a_refused_relabel_changes_nothing(run, value, error):
    """What does not parse is EINVAL, what the policy forbids EACCES; no label moves anywhere."""

    async def scenario(world):
        await written(world)
        await refused(world.user().setxattr("/f", XATTR, value), error)

        assert stored(world) == {name: {b"home_t"} for name in ("mds0", "oss0", "oss1")}
        assert [e["why"] for e in world.events("mds0", "label") if e["why"] != "root"] == ["transition"]

    run(scenario)


def test_flags_are_looked_at_after_the_checks(run):
    """XATTR_CREATE on a labelled file is EEXIST; a label is never removed; another's file is EPERM."""

    async def scenario(world):
        await written(world)
        value = b"user_u:object_r:project_t:s0"

        await refused(world.user().setxattr("/f", XATTR, value, 1), errno.EEXIST)
        await refused(world.user(uid=1001).setxattr("/f", XATTR, value), errno.EPERM)
        removal = world.user().by_name("removexattr", "/f", mds_pb2.RemovexattrRequest, name=XATTR)
        await refused(removal, errno.EACCES)

    run(scenario)


def test_a_label_is_kept_in_its_canonical_form(run):
    """Categories are sorted and joined as the policy writes them, and the reply of getxattr says so."""

    async def scenario(world):
        await written(world)
        admin = world.admin()
        await admin.setxattr("/f", XATTR, b"system_u:object_r:home_t:s0:c3,c1,c2")

        assert await admin.getxattr("/f", XATTR) == b"system_u:object_r:home_t:s0:c1.c3"

    run(scenario)


def test_an_unreachable_ost_fails_the_relabel_and_all_is_as_before(run):
    """EIO, definite, naming the OST; the one that was told gets the old label back under a higher version."""

    async def scenario(world):
        await written(world)
        await world.kill("oss1")
        error = await refused(world.user().setxattr("/f", XATTR, b"user_u:object_r:project_t:s0"), errno.EIO)

        assert "oss1" in str(error)
        assert rpc.definite(error)
        assert stored(world) == {name: {b"home_t"} for name in ("mds0", "oss0")}
        assert [e["why"] for e in world.events("oss0", "label")] == ["token", "relabel", "undo"]

        await world.start("oss1")
        await world.join("oss1")
        await world.join("mds0")
        await world.load("oss1")
        await world.mdt.reaper._task
        assert stored(world)["oss1"] == {b"home_t"}
        assert (await world.user().setxattr("/f", XATTR, b"user_u:object_r:project_t:s0")).label_version > 3
        assert stored(world) == {name: {b"project_t"} for name in ("mds0", "oss0", "oss1")}

    run(scenario)


def test_a_crash_in_the_middle_of_a_relabel_is_undone(run, monkeypatch):
    """The MDS dies after the OSTs were told and before it stored the label: the restart gives them the old one back."""

    async def scenario(world):
        await written(world)
        push = relabels.Relabels.push
        killing: list[asyncio.Task[None]] = []

        async def told_then_dead(self, *args):
            await push(self, *args)
            killing.append(asyncio.create_task(world.kill("mds0")))
            await asyncio.Event().wait()

        monkeypatch.setattr(relabels.Relabels, "push", told_then_dead)
        with pytest.raises(OSError):
            await world.user().setxattr("/f", XATTR, b"user_u:object_r:project_t:s0")
        await killing[0]
        monkeypatch.setattr(relabels.Relabels, "push", push)
        assert stored(world) == {name: {b"project_t"} for name in ("oss0", "oss1")}

        await world.start("mds0")
        await world.join("mds0")
        await world.load("mds0")
        await world.mdt.reaper._task

        assert stored(world) == {name: {b"home_t"} for name in ("mds0", "oss0", "oss1")}
        assert [e["why"] for e in world.events("mds0", "label")][-1] == "undo"

    run(scenario)


def test_a_token_from_before_a_relabel_is_judged_by_the_new_label(run):
    """Nothing was written yet, so no object was there: the OST still knows that the file was relabelled."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await world.admin().relabel("/f", "ro_t")

        await refused(user.write(opened, 0, b"x"), errno.EACCES)

    run(scenario)


def test_a_directory_is_relabelled_in_one_step(run):
    """No OST has anything of it, so none is asked."""

    async def scenario(world):
        await world.user().mkdir("/d")
        await world.admin().relabel("/d", "project_dir_t")

        assert b"project_dir_t" in await world.admin().getxattr("/d", XATTR)
        assert world.events("oss0", "rpc") == []

    run(scenario)


def test_objects_that_are_not_there_are_judged_as_the_file(run):
    """Glimpse, relabel and destroy of a file without objects ask the OSTs about its own label, old one first."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.stat("/f")
        await user.setxattr("/f", XATTR, b"user_u:object_r:project_t:s0")
        await user.close(opened)
        await user.remove("/f")
        await world.mdt.reaper._task

        asked = [(e["hook"], e["requested"][0], e["tcontext"].split(":")[2]) for e in world.events("oss1", "avc")]
        assert set(asked) == {
            ("inode_getattr", "getattr", "home_t"), ("inode_getattr", "getattr", "project_t"),
            ("inode_setxattr", "relabelfrom", "home_t"), ("inode_setxattr", "relabelto", "project_t"),
            ("inode_setxattr", "associate", "lustre_fs_t"), ("inode_setxattr", "fowner", "kernel_t"),
            ("inode_unlink", "unlink", "project_t"),
        }  # fmt: skip

    run(scenario)


def test_a_relabel_whose_undoing_failed_too_is_undone_before_the_next_one(run):
    """The disk of the MDS is full as the label is stored, and as it is taken back from the OSTs, which have it by now.
    The next relabel ends as if there had been none."""

    async def scenario(world):
        await written(world)
        push, store = relabels.Relabels.push, world.mdt.store

        def full(call):
            raise OSError(errno.ENOSPC, "no space")

        async def full_from_now(self, *args):
            await push(self, *args)
            store.op = full

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(relabels.Relabels, "push", full_from_now)
            await refused(world.admin().relabel("/f", "project_t"), errno.ENOSPC)
        assert stored(world) == {"mds0": {b"home_t"}, "oss0": {b"project_t"}, "oss1": {b"project_t"}}
        del store.op

        await world.admin().relabel("/f", "ro_t")

        assert stored(world) == {name: {b"ro_t"} for name in ("mds0", "oss0", "oss1")}

    run(scenario)
