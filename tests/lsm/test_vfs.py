"""The checks of each operation in the kernel's order, as Linux 6.1 made them on ext4 with SELinux enforcing.

The lists were read from the kernel's own audit log, with auditallow for every domain; the policy here is another, the
permissions and their order are the kernel's. Each `{ a b }` is one query of the AVC.
"""

import errno
import os
import stat

import pytest

from lsm import dac, vfs
from lsm.hooks import MAY_APPEND, MAY_EXEC, MAY_READ, MAY_WRITE, Opened
from lsm.objects import Obj

NO_SUCH = 0o3


@pytest.fixture
def world(framework, task, thing, fs, perform):
    """`world("open", ...)`: one operation by user_t in the directory project_dir_t, on a file in it."""
    there = {
        "parent": thing("project_dir_t", "dir", role="parent"),
        "newparent": thing("home_t", "dir", role="newparent"),
        "object": thing("home_t", name="f"),
        "target": None,
        "fs": fs,
        "exists": False,
        "entries": 0,
        "what": "f",
    }

    def run(op, subject=None, **p):
        if "flags" in p:
            p.setdefault("mask", dac.file_mask(p["flags"]))
        return perform(framework, subject or task(), op, **(there | p))

    return run


def new(kind: int, name: str = "n") -> Obj:
    return Obj("new", {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "lnk_file"}.get(kind, ""), mode=kind,
               name=name)  # fmt: skip


# --- new objects -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "kind", "tclass", "born"),
    [
        ("create", stat.S_IFREG, "file", "newfile_t"),
        ("mknod_regular", stat.S_IFREG, "file", "newfile_t"),
        ("mkdir", stat.S_IFDIR, "dir", "newdir_t"),
        ("symlink", stat.S_IFLNK, "lnk_file", "newlnk_t"),
        ("mknod", stat.S_IFIFO, "fifo_file", "newfifo_t"),
        ("mknod", stat.S_IFSOCK, "sock_file", "newsock_t"),
    ],
)
def test_a_new_object_is_asked_for_under_the_label_it_will_have(world, op, kind, tclass, born) -> None:
    """Parent write, parent add_name, create on the computed label, then the filesystem; nothing else on the object."""
    made = world(op, new=Obj("new", tclass, mode=kind, name="n"))

    assert (made.errno, made.checks) == (
        0,
        [
            "project_dir_t dir { write search }",
            "project_dir_t dir { add_name search }",
            f"{born} {tclass} {{ create }}",
            "lustre_fs_t filesystem { associate }",
        ],
    )


def test_the_file_name_takes_part_in_the_label(world) -> None:
    """A name with a transition of its own is asked for under that type."""
    made = world("create", new=Obj("new", "file", mode=stat.S_IFREG, name="special.txt"))

    assert "special_t file { create }" in made.checks


@pytest.mark.parametrize(
    ("flags", "perms"),
    [
        (os.O_WRONLY, "write open"),
        (os.O_RDWR, "read write open"),
        (os.O_WRONLY | os.O_APPEND, "append open"),
        (os.O_RDWR | os.O_TRUNC, "read write open"),
    ],
)
def test_the_open_of_a_file_just_created_is_file_open_alone(world, flags, perms) -> None:
    """No inode_permission before it: one query, by the open file's mode."""
    assert world("open_new", flags=flags).checks == [f"home_t file {{ {perms} }}"]


def test_a_device_needs_the_capability_before_add_name(world, task) -> None:
    """mknod of a device asks capability{mknod} after the directory's write, before its add_name."""
    chr_file = Obj("new", "chr_file", mode=stat.S_IFCHR, name="n", rdev=0x103)

    made = world("mknod", task(caps=("mknod",)), new=chr_file)
    refused = world("mknod", task(), new=chr_file)

    assert made.checks == [
        "project_dir_t dir { write search }",
        "user_t capability { mknod }",
        "project_dir_t dir { add_name search }",
        "newchr_t chr_file { create }",
        "lustre_fs_t filesystem { associate }",
    ]
    assert (refused.errno, refused.checks) == (errno.EPERM, ["project_dir_t dir { write search }"])


@pytest.mark.parametrize("op", ["create", "mkdir", "symlink", "mknod", "mknod_regular"])
def test_a_name_that_exists_is_eexist_before_any_check(world, op) -> None:
    """EEXIST comes after the walk alone: neither DAC nor MAC is asked about the directory's write."""
    made = world(op, new=Obj("new", "file", mode=stat.S_IFREG, name="n"), exists=True)

    assert (made.errno, made.decisions) == (errno.EEXIST, ())


# --- open --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "first", "second"),
    [
        (os.O_RDONLY, "read", "read open"),
        (os.O_WRONLY, "write", "write open"),
        (os.O_RDWR, "read write", "read write open"),
        (os.O_WRONLY | os.O_APPEND, "append", "append open"),
        (os.O_RDWR | os.O_APPEND, "read append", "read append open"),
        (os.O_RDONLY | os.O_TRUNC, "read write", "read open"),
        (os.O_WRONLY | os.O_APPEND | os.O_TRUNC, "append", "append open"),
        (os.O_RDWR | os.O_CREAT, "read write", "read write open"),
    ],
)
def test_an_open_asks_twice(world, flags, first, second) -> None:
    """inode_permission by the access mode, then file_open with `open`; append stands in for write."""
    opened = world("open", flags=flags)

    assert (opened.errno, opened.checks) == (0, [f"home_t file {{ {first} }}", f"home_t file {{ {second} }}"])


def test_truncation_asks_write_once_more(world) -> None:
    """What O_TRUNC does after the open is a setattr of the open file: `write`, without `open`."""
    assert world("ftruncate", attrs=frozenset({"size", "file"})).checks == ["home_t file { write }"]


def test_access_mode_three_is_asked_as_both_and_opens_as_ioctl(world) -> None:
    """O_ACCMODE: read and write at inode_permission, and an open file that may do neither (file_to_av)."""
    opened = world("open", flags=NO_SUCH)

    assert opened.checks == ["home_t file { read write }", "home_t file { ioctl open }"]


def test_a_directory_is_opened_by_read(world, thing) -> None:
    """readdir's open: read, then read open."""
    opened = world("open", object=thing("home_t", "dir"), flags=os.O_RDONLY | os.O_DIRECTORY)

    assert opened.checks == ["home_t dir { read }", "home_t dir { read open }"]


@pytest.mark.parametrize(
    ("kind", "flags", "error"),
    [
        ("dir", os.O_WRONLY, errno.EISDIR),
        ("dir", os.O_RDONLY | os.O_CREAT, errno.EISDIR),
        ("dir", os.O_RDONLY | os.O_TRUNC, errno.EISDIR),
        ("file", os.O_RDONLY | os.O_DIRECTORY, errno.ENOTDIR),
        ("link", os.O_RDONLY, errno.ELOOP),
    ],
)
def test_structure_is_refused_before_the_object_is_asked(world, thing, kind, flags, error) -> None:
    """EISDIR, ENOTDIR and ELOOP come before DAC and MAC of a forbidden object."""
    opened = world("open", object=thing("secret_t", kind, mode=0), flags=flags)

    assert (opened.errno, opened.decisions) == (error, ())


@pytest.mark.parametrize(
    ("kind", "flags", "error"),
    [
        ("fifo", os.O_RDWR, 0), ("fifo", os.O_WRONLY | os.O_NONBLOCK, errno.ENXIO), ("chr", os.O_RDWR, 0),
        ("sock", os.O_RDWR, errno.ENXIO),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_told_to_who_may_open_it_only(world, thing, kind, flags, error) -> None:
    """A socket is ENXIO after every check, as is a fifo for a writer that will not wait; EACCES for who may not."""
    allowed = world("open", object=thing("home_t", kind), flags=flags)
    denied = world("open", object=thing("secret_t", kind), flags=flags)

    assert (allowed.errno, len(allowed.checks)) == (error, 2)
    assert denied.errno == errno.EACCES


def test_noatime_is_the_owners(world, thing, task) -> None:
    """O_NOATIME on somebody else's file is EPERM, after read was allowed and before file_open."""
    flags = os.O_RDONLY | os.O_NOATIME

    other = world("open", object=thing("home_t", uid=0), flags=flags)
    capable = world("open", task(caps=("fowner",)), object=thing("home_t", uid=0), flags=flags)

    assert (other.errno, other.checks) == (errno.EPERM, ["home_t file { read }"])
    assert capable.errno == world("open", flags=flags).errno == 0


def test_a_denial_names_the_missing_bits_only(world, thing) -> None:
    """O_RDWR of a read-only type: the query is { read write }, what is missing is { write }."""
    opened = world("open", object=thing("ro_t"), flags=os.O_RDWR)

    assert (opened.errno, opened.checks) == (errno.EACCES, ["ro_t file { read write } denied { write }"])


# --- names -------------------------------------------------------------------------------------------------------


def test_lookup_is_search(world, thing) -> None:
    """A path component costs dir{search}; what is no directory is ENOTDIR without a check."""
    assert world("lookup").checks == ["project_dir_t dir { search }"]
    assert world("lookup", parent=thing("secret_t", mode=0)).errno == errno.ENOTDIR


def test_link(world, thing) -> None:
    """The source's safety (protected_hardlinks), the directory's write and add_name, then link on the object."""
    assert world("link").checks == [
        "home_t file { read write }",
        "project_dir_t dir { write search }",
        "project_dir_t dir { add_name search }",
        "home_t file { link }",
    ]


def test_an_unsafe_source_is_linked_by_its_owner_all_the_same(world, thing) -> None:
    """The denied { read write } of protected_hardlinks is overruled for the owner, and refuses anybody else: EPERM."""
    own = world("link", object=thing("wo_t"))
    other = world("link", object=thing("wo_t", uid=0))

    assert own.checks == [
        "wo_t file { read write } denied { read }",
        "project_dir_t dir { write search }",
        "project_dir_t dir { add_name search }",
        "wo_t file { link } denied { link }",
    ]
    assert (other.errno, other.dac[-1]) == (errno.EPERM, "may_linkat link")


@pytest.mark.parametrize("mode", [0o4666, 0o2676, 0o600])
def test_protected_hardlinks(posix, perform, task, thing, mode) -> None:
    """Somebody else's setuid, executable setgid, or unreadable file cannot be linked without CAP_FOWNER."""
    there = {"object": thing(None, mode=mode, uid=0), "parent": thing(None, "dir", role="parent"), "exists": False}

    refused = perform(posix, task(), "link", **there)

    assert refused.errno == errno.EPERM
    assert perform(posix, task(caps=("fowner",)), "link", **there).errno == 0
    assert perform(posix, task(), "link", **there | {"object": thing(None, mode=0o666, uid=0)}).errno == 0


def test_a_symbolic_link_of_somebody_else_is_no_safe_source(posix, perform, task, thing) -> None:
    """Only regular files are (safe_hardlink_source); a directory is EPERM for its owner too."""
    parent = thing(None, "dir", role="parent")

    symlink = perform(posix, task(), "link", object=thing(None, "link", uid=0), parent=parent, exists=False)
    own_dir = perform(posix, task(), "link", object=thing(None, "dir"), parent=parent, exists=False)

    assert (symlink.errno, own_dir.errno) == (errno.EPERM, errno.EPERM)


def test_unlink(world) -> None:
    """The directory's write and remove_name, then unlink."""
    assert world("unlink").checks == [
        "project_dir_t dir { write search }",
        "project_dir_t dir { remove_name search }",
        "home_t file { unlink }",
    ]


def test_rmdir(world, thing) -> None:
    """The directory's write and remove_name, then rmdir on the directory."""
    assert world("rmdir", object=thing("home_t", "dir")).checks == [
        "project_dir_t dir { write search }",
        "project_dir_t dir { remove_name search }",
        "home_t dir { rmdir }",
    ]


def test_a_forbidden_directory_that_is_not_empty_is_eacces(world, thing) -> None:
    """ENOTEMPTY comes after rmdir was allowed."""
    forbidden = world("rmdir", object=thing("secret_t", "dir"), entries=1)
    allowed = world("rmdir", object=thing("home_t", "dir"), entries=1)

    assert (forbidden.errno, allowed.errno) == (errno.EACCES, errno.ENOTEMPTY)


@pytest.mark.parametrize(("op", "kind", "error"), [("rmdir", "file", errno.ENOTDIR), ("unlink", "dir", errno.EISDIR)])
def test_the_wrong_kind_is_told_after_the_directorys_write(world, thing, op, kind, error) -> None:
    """ENOTDIR and EISDIR come after T{ write search } and before remove_name."""
    removed = world(op, object=thing("secret_t", kind))

    assert (removed.errno, removed.checks) == (error, ["project_dir_t dir { write search }"])


@pytest.mark.parametrize("op", ["unlink", "rmdir", "rename"])
def test_a_missing_name_is_enoent_before_any_check(world, op) -> None:
    """ENOENT comes after the walk alone."""
    removed = world(op, object=None)

    assert (removed.errno, removed.decisions) == (errno.ENOENT, ())


def test_rename(world) -> None:
    """Both directories' write, then remove_name, rename, add_name."""
    assert world("rename").checks == [
        "project_dir_t dir { write search }",
        "home_t dir { write search }",
        "project_dir_t dir { remove_name search }",
        "home_t file { rename }",
        "home_t dir { add_name search }",
    ]


def test_rename_over_a_file(world, thing) -> None:
    """The new directory gives a name away too, and the target is unlinked."""
    assert world("rename", target=thing("newfile_t", role="target")).checks[3:] == [
        "home_t file { rename }",
        "home_t dir { add_name remove_name search }",
        "newfile_t file { unlink }",
    ]


def test_rename_of_a_directory_to_another_parent(world, thing) -> None:
    """Its own write (DAC and MAC) first, since `..` changes; reparent after rename; rmdir of what it replaces."""
    moved, target = thing("newdir_t", "dir"), thing("specialdir_t", "dir", role="target")

    assert world("rename", object=moved, target=target).checks == [
        "project_dir_t dir { write search }",
        "home_t dir { write search }",
        "newdir_t dir { write }",
        "project_dir_t dir { remove_name search }",
        "newdir_t dir { rename }",
        "newdir_t dir { reparent }",
        "home_t dir { add_name remove_name search }",
        "specialdir_t dir { rmdir }",
    ]


def test_rename_of_a_directory_within_its_parent(world, thing) -> None:
    """Neither its write nor reparent."""
    parent = thing("project_dir_t", "dir", role="parent")

    checks = world("rename", object=thing("newdir_t", "dir"), parent=parent, newparent=parent).checks

    assert "newdir_t dir { write }" not in checks
    assert "newdir_t dir { reparent }" not in checks
    assert "newdir_t dir { rename }" in checks


@pytest.mark.parametrize(("kind", "target", "error"), [("dir", "file", errno.ENOTDIR), ("file", "dir", errno.EISDIR)])
def test_rename_over_another_kind(world, thing, kind, target, error) -> None:
    """Told after both directories' write, before anything about the objects."""
    renamed = world("rename", object=thing("secret_t", kind), target=thing("secret_t", target, role="target"))

    assert (renamed.errno, len(renamed.checks)) == (error, 2)


def test_rename_over_a_directory_that_is_not_empty(world, thing) -> None:
    """ENOTEMPTY after every check."""
    renamed = world(
        "rename", object=thing("newdir_t", "dir"), target=thing("newdir_t", "dir", role="target"), entries=1
    )

    assert (renamed.errno, renamed.checks[-1]) == (errno.ENOTEMPTY, "newdir_t dir { rmdir }")


def test_readlink(world, thing) -> None:
    """lnk_file{read}; EINVAL for anything else, unasked."""
    assert world("readlink", object=thing("home_t", "link")).checks == ["home_t lnk_file { read }"]
    assert world("readlink", object=thing("secret_t")).errno == errno.EINVAL


# --- attributes --------------------------------------------------------------------------------------------------


def test_getattr_mount_and_statfs(world) -> None:
    """getattr on the object; mount and getattr on the filesystem."""
    assert world("getattr").checks == ["home_t file { getattr }"]
    assert world("mount").checks == ["lustre_fs_t filesystem { mount }"]
    assert world("statfs").checks == ["lustre_fs_t filesystem { getattr }"]


@pytest.mark.parametrize(
    ("attrs", "perm"),
    [
        ({"mode"}, "setattr"),
        ({"uid"}, "setattr"),
        ({"gid"}, "setattr"),
        ({"atime_set", "mtime_set"}, "setattr"),
        ({"touch"}, "write"),
        (set(), "write"),
    ],
)
def test_setattr_by_what_changes(world, attrs, perm) -> None:
    """Mode, owner and explicit times are setattr; `now` is write."""
    changed = world("setattr", attrs=frozenset(attrs), new_attrs={"uid": 1000, "gid": 1000})

    assert (changed.errno, changed.checks) == (0, [f"home_t file {{ {perm} }}"])


def test_chmod_asks_selinux_before_ownership(world, thing) -> None:
    """chmod of somebody else's file: a MAC denial is EACCES, only then EPERM (notify_change, setattr_prepare)."""
    forbidden = world("setattr", object=thing("ro_t", uid=0), attrs=frozenset({"mode"}), new_attrs={})
    allowed = world("setattr", object=thing("home_t", uid=0), attrs=frozenset({"mode"}), new_attrs={})

    assert (forbidden.errno, forbidden.dac) == (errno.EACCES, [])
    assert (allowed.errno, allowed.checks, allowed.dac[-1]) == (
        errno.EPERM, ["home_t file { setattr }"], "setattr_prepare setattr",
    )  # fmt: skip


def test_chown_asks_the_capability_after_setattr(world, task) -> None:
    """setattr, then capability{chown}."""
    changed = world("setattr", task(caps=("chown",)), attrs=frozenset({"uid"}), new_attrs={"uid": 0, "gid": 0})

    assert (changed.errno, changed.checks) == (0, ["home_t file { setattr }", "user_t capability { chown }"])


def test_touch_by_another_needs_write_twice(world, thing) -> None:
    """utimes(now) by who is not the owner: inode_permission for write, then the hook's write."""
    touched = world("setattr", object=thing("home_t", uid=0), attrs=frozenset({"touch"}), new_attrs={})

    assert (touched.errno, touched.checks) == (0, ["home_t file { write }", "home_t file { write }"])


def test_truncate_by_name(world, thing) -> None:
    """write, then write and open; a directory is EISDIR and a fifo EINVAL, unasked."""
    size = frozenset({"size"})

    assert world("truncate", attrs=size).checks == ["home_t file { write }", "home_t file { write open }"]
    assert world("truncate", object=thing("secret_t", "dir"), attrs=size).errno == errno.EISDIR
    assert world("truncate", object=thing("secret_t", "fifo"), attrs=size).errno == errno.EINVAL
    assert world("ftruncate", object=thing("secret_t", "fifo"), attrs=size).errno == errno.EINVAL


# --- extended attributes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "checks"),
    [
        ("getxattr", ["home_t file { read }", "home_t file { getattr }"]),
        ("setxattr", ["home_t file { write }", "home_t file { setattr }"]),
        ("removexattr", ["home_t file { write }", "home_t file { setattr }"]),
    ],
)
def test_user_xattrs_need_the_files_own_permission(world, op, checks) -> None:
    """user.*: read and getattr, or write and setattr."""
    assert world(op, name="user.x", value=b"1").checks == checks


@pytest.mark.parametrize("name", ["security.selinux", "security.other", "system.posix_acl_access"])
def test_other_xattrs_are_read_by_getattr(world, name) -> None:
    """Reading a label, another security attribute or an ACL, and listing: getattr alone."""
    assert world("getxattr", name=name).checks == ["home_t file { getattr }"]
    assert world("listxattr").checks == ["home_t file { getattr }"]


def test_relabel(world) -> None:
    """relabelfrom on the old label, relabelto on the new, then the new label on the filesystem."""
    relabelled = world("setxattr", name="security.selinux", value=b"user_u:object_r:project_t:s0")

    assert relabelled.checks == [
        "home_t file { relabelfrom }",
        "project_t file { relabelto }",
        "lustre_fs_t filesystem { associate }",
    ]


@pytest.mark.parametrize("op", ["setxattr", "removexattr"])
@pytest.mark.parametrize(("name", "cap"), [("security.other", "sys_admin"), ("security.capability", "setfcap")])
def test_another_security_xattr_needs_a_capability_before_setattr(world, task, op, name, cap) -> None:
    """CAP_SYS_ADMIN (CAP_SETFCAP for file capabilities), asked of the policy too, then setattr; without it EPERM."""
    allowed = world(op, task(caps=(cap,)), name=name, value=b"1")
    refused = world(op, name=name, value=b"1")

    assert allowed.checks == [f"user_t capability {{ {cap} }}", "home_t file { setattr }"]
    assert (refused.errno, refused.checks) == (errno.EPERM, [])


@pytest.mark.parametrize(("op", "error"), [("getxattr", errno.ENODATA), ("setxattr", errno.EPERM)])
def test_trusted_xattrs_are_for_sys_admin(world, task, op, error) -> None:
    """Not there for who may not see them, EPERM to change."""
    refused = world(op, name="trusted.x", value=b"1")

    assert (refused.errno, refused.checks) == (error, [])
    assert world(op, task(caps=("sys_admin",)), name="trusted.x", value=b"1").errno == 0


@pytest.mark.parametrize(("op", "error"), [("getxattr", errno.ENODATA), ("setxattr", errno.EPERM)])
def test_user_xattrs_are_for_files_and_directories(world, thing, op, error) -> None:
    """A symbolic link or a fifo has none."""
    assert world(op, object=thing("home_t", "link"), name="user.x", value=b"1").errno == error
    assert world(op, object=thing("home_t", "fifo"), name="user.x", value=b"1").errno == error


def test_user_xattrs_of_a_sticky_directory_are_its_owners(posix, perform, task, thing) -> None:
    """Writing needs ownership or CAP_FOWNER, reading does not."""
    tmp = thing(None, "dir", mode=0o1777, uid=0)
    p = {"object": tmp, "name": "user.x", "value": b"1", "fs": None}

    assert perform(posix, task(), "setxattr", **p).errno == errno.EPERM
    assert perform(posix, task(), "getxattr", **p).errno == 0
    assert perform(posix, task(caps=("fowner",)), "setxattr", **p).errno == 0


# --- an open file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "perms"), [(MAY_READ, "read"), (MAY_WRITE, "write"), (MAY_WRITE | MAY_APPEND, "append")]
)
def test_an_open_file_is_asked_again_only_when_something_moved(world, server, mask, perms) -> None:
    """Nothing while label and policy are those of the open; then read or write once more."""
    same = world("file", mask=mask, opened=Opened(0, server.seqno))
    relabelled = world("file", mask=mask, opened=Opened(1, server.seqno))
    reloaded = world("file", mask=mask, opened=Opened(0, server.seqno + 1))

    assert same.checks == []
    assert relabelled.checks == reloaded.checks == [f"home_t file {{ {perms} }}"]


@pytest.mark.parametrize(("then", "asked"), [("home_t", []), ("secret_t", ["home_t file { read }"])])
def test_a_label_that_came_back_is_the_one_that_it_was(world, server, then, asked) -> None:
    """The kernel compares SIDs: how often the file was relabelled meanwhile does not matter."""
    opened = Opened(1, server.seqno, {"selinux": f"user_u:object_r:{then}:s0"})

    assert world("file", mask=MAY_READ, opened=opened).checks == asked


def test_no_such_operation() -> None:
    """A word that is no row of the table is a KeyError."""
    with pytest.raises(KeyError):
        vfs.run("fly", None)


@pytest.mark.parametrize(
    ("flags", "mask"),
    [
        (os.O_RDONLY, MAY_READ),
        (os.O_RDWR | os.O_TRUNC, MAY_READ | MAY_WRITE),
        (os.O_WRONLY | os.O_APPEND, MAY_WRITE | MAY_APPEND),
        (os.O_RDONLY | os.O_TRUNC, MAY_READ),
        (NO_SUCH, 0),
    ],
)
def test_file_mask(flags, mask) -> None:
    """An open file may do what its access mode says, whatever O_TRUNC asked for."""
    assert dac.file_mask(flags) == mask
    assert not dac.file_mask(flags) & MAY_EXEC
