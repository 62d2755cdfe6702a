"""The hooks, one method each, grouped by the kernel's families (include/linux/lsm_hook_defs.h), with their defaults.

A module subclasses Hooks and overrides what it cares about; the framework binds, per hook, only the methods that
really override. Two kinds:

  checks   yield Decisions in the order in which they are asked; the framework settles each as it comes, so what
           stands behind a denial is never asked. Yielding nothing allows. A refusal that is no policy decision
           (EINVAL for a context that does not parse) is an OSError, raised by the hook itself.
  labels   return the label of a new object, or None for "not mine".

The first argument is always the subject; the first Obj after it gives the firing its role and FID.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from lsm.objects import Decision, Obj, Subject

Checks = Iterable[Decision]

# include/linux/fs.h
MAY_EXEC, MAY_WRITE, MAY_READ, MAY_APPEND = 1, 2, 4, 8
# include/uapi/asm-generic/fcntl.h
F_GETFL, F_SETFL, F_GETLK, F_SETLK = 3, 4, 5, 6
F_SETOWN_EX, F_GETOWN_EX, F_GETOWNER_UIDS, F_SETLEASE, F_GETLEASE = 15, 16, 17, 1024, 1025
# include/uapi/linux/fanotify.h: FAN_OPEN_PERM, FAN_ACCESS_PERM, FAN_OPEN_EXEC_PERM, events that wait for an answer.
FAN_PERM = 0x10000 | 0x20000 | 0x40000
# include/linux/fsnotify_backend.h: FS_ACCESS, FS_CLOSE_NOWRITE, FS_ACCESS_PERM, events that tell of reading.
FS_READS = 0x01 | 0x10 | 0x20000
# Besides: it is only asked about, by access(2).
MAY_ACCESS = 16


class Mark(IntEnum):
    """What is watched (include/uapi/linux/fanotify.h, FAN_MARK_INODE and its like)."""

    INODE = 0
    MOUNT = 0x10
    FILESYSTEM = 0x100


class Opened(NamedTuple):
    """What an open file remembers of the moment it was opened (struct file_security_struct).

    `labels` per module, where they are known: a label that moved and came back is the one that it was.
    """

    version: int
    seqno: int
    labels: Mapping[str, str | None] | None = None

    def moved(self, obj: Obj, module: str) -> bool:
        """Whether the object has another label by now."""
        if self.version == obj.version or self.labels is None:
            return self.version != obj.version
        return self.labels.get(module) != obj.labels.get(module)


class Hooks:
    """The table. `name` is the module's, as in lsm=; `xattr` the attribute that holds its labels, if it has any."""

    name: str = ""
    xattr: str | None = None

    # --- super block -------------------------------------------------------------------------------------------

    def sb_set_mnt_opts(self, subject: Subject, fs: Obj) -> str | None:
        """The superblock's label; `fs.name` is the filesystem's type (security_sb_set_mnt_opts)."""
        return None

    def sb_kern_mount(self, subject: Subject, fs: Obj) -> Checks:
        """Before a subject may begin at the root of the filesystem (security_sb_kern_mount)."""
        return ()

    def sb_statfs(self, subject: Subject, fs: Obj) -> Checks:
        """Before the filesystem's own figures are told (security_sb_statfs)."""
        return ()

    # --- inode -------------------------------------------------------------------------------------------------

    def inode_permission(self, subject: Subject, obj: Obj, mask: int) -> Checks:
        """After DAC has granted MAY_* `mask` on an inode (fs/namei.c, inode_permission)."""
        return ()

    def inode_init_security(self, subject: Subject, parent: Obj, new: Obj) -> str | None:
        """The label of the object `new` in `parent`; called by the MDT, which stores it with the inode."""
        return None

    def inode_create(self, subject: Subject, parent: Obj, new: Obj, fs: Obj) -> Checks:
        """Before a regular file is created (security_inode_create)."""
        return ()

    def inode_mkdir(self, subject: Subject, parent: Obj, new: Obj, fs: Obj) -> Checks:
        """Before a directory is made (security_inode_mkdir)."""
        return ()

    def inode_mknod(self, subject: Subject, parent: Obj, new: Obj, fs: Obj) -> Checks:
        """Before a device, fifo or socket is made (security_inode_mknod); the mknod capability was asked before."""
        return ()

    def inode_symlink(self, subject: Subject, parent: Obj, new: Obj, fs: Obj) -> Checks:
        """Before a symbolic link is made (security_inode_symlink)."""
        return ()

    def inode_link(self, subject: Subject, obj: Obj, parent: Obj) -> Checks:
        """Before `obj` gets another name in `parent` (security_inode_link)."""
        return ()

    def inode_unlink(self, subject: Subject, parent: Obj, obj: Obj) -> Checks:
        """Before a name of `obj` goes (security_inode_unlink). An OST object has no parent and is given as both."""
        return ()

    def inode_rmdir(self, subject: Subject, parent: Obj, obj: Obj) -> Checks:
        """Before a directory goes (security_inode_rmdir); whether it is empty is asked after."""
        return ()

    def inode_rename(self, subject: Subject, parent: Obj, obj: Obj, newparent: Obj, target: Obj | None) -> Checks:
        """Before `obj` moves from `parent` to `newparent`, over `target` if there is one (security_inode_rename)."""
        return ()

    def inode_readlink(self, subject: Subject, obj: Obj) -> Checks:
        """Before a link's target is told (security_inode_readlink)."""
        return ()

    def inode_setattr(self, subject: Subject, obj: Obj, attrs: frozenset[str]) -> Checks:
        """Before attributes change; `attrs` of mode uid gid size atime_set mtime_set touch file open."""
        return ()

    def inode_getattr(self, subject: Subject, obj: Obj) -> Checks:
        """Before attributes are told (security_inode_getattr)."""
        return ()

    def inode_setxattr(self, subject: Subject, obj: Obj, name: str, value: bytes, fs: Obj) -> Checks:
        """Before an xattr is set; for the module's own label this is the whole relabel check."""
        return ()

    def inode_getxattr(self, subject: Subject, obj: Obj, name: str) -> Checks:
        """Before an xattr's value is told (security_inode_getxattr)."""
        return ()

    def inode_listxattr(self, subject: Subject, obj: Obj) -> Checks:
        """Before the names of xattrs are told (security_inode_listxattr)."""
        return ()

    def inode_removexattr(self, subject: Subject, obj: Obj, name: str) -> Checks:
        """Before an xattr goes (security_inode_removexattr)."""
        return ()

    def inode_set_acl(self, subject: Subject, obj: Obj, name: str, value: bytes) -> Checks:
        """Before an access control list is set, or taken by an empty one; inode_setxattr is not asked then
        (security_inode_set_acl)."""
        return ()

    def inode_get_acl(self, subject: Subject, obj: Obj, name: str) -> Checks:
        """Before an access control list is told, in place of inode_getxattr (security_inode_get_acl)."""
        return ()

    def inode_remove_acl(self, subject: Subject, obj: Obj, name: str) -> Checks:
        """Before an access control list goes, in place of inode_removexattr (security_inode_remove_acl)."""
        return ()

    def inode_setsecurity(self, subject: Subject, obj: Obj, name: str, value: bytes) -> str | None:
        """The label that the store shall keep for the xattr `name`: canonical, after inode_setxattr allowed it."""
        return None

    def inode_getsecurity(self, subject: Subject, obj: Obj, name: str, value: bytes | None) -> bytes | None:
        """The module's own xattr `name` as the subject may see it; `value` is what is stored, None for nothing."""
        return value

    # --- file --------------------------------------------------------------------------------------------------

    def file_open(self, subject: Subject, obj: Obj, mask: int) -> Checks:
        """Once per open, after inode_permission, or alone for a file that was just created (security_file_open)."""
        return ()

    def file_permission(self, subject: Subject, obj: Obj, mask: int, opened: Opened) -> Checks:
        """Each read and write: asks again only if label or policy moved since `opened` (security_file_permission)."""
        return ()

    def file_lock(self, subject: Subject, obj: Obj, cmd: int) -> Checks:
        """Before a lock is set or released, `cmd` F_RDLCK, F_WRLCK, F_UNLCK (security_file_lock)."""
        return ()

    def file_fcntl(self, subject: Subject, obj: Obj, cmd: int, drops_append: bool) -> Checks:
        """Before fcntl with F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLEASE, F_GETLEASE, F_SETOWN or its like on an open
        file (security_file_fcntl)."""
        return ()

    def file_ioctl(self, subject: Subject, obj: Obj, cmd: int) -> Checks:
        """Before any ioctl on an open file (security_file_ioctl)."""
        return ()

    def mmap_file(self, subject: Subject, obj: Obj, prot: int, shared: bool) -> Checks:
        """Before an open file is mapped with PROT_* `prot` (security_mmap_file)."""
        return ()

    def file_mprotect(self, subject: Subject, obj: Obj, prot: int, shared: bool, dirtied: bool) -> Checks:
        """Before a mapping gets another protection; `dirtied`: a private one that was written to
        (security_file_mprotect)."""
        return ()

    def path_notify(self, subject: Subject, obj: Obj, mask: int, mark: Mark, fs: Obj) -> Checks:
        """Before a watch for the events FS_* `mask` is set, of the object itself, its mount or its
        filesystem `fs` (security_path_notify)."""
        return ()

    # --- task --------------------------------------------------------------------------------------------------

    def setprocattr(self, subject: Subject, attr: str, value: str | None) -> Checks:
        """Before a task sets its own fscreate, keycreate, sockcreate, exec or current (security_setprocattr)."""
        return ()

    def setprocattr_context(self, subject: Subject, attr: str, value: str) -> str | None:
        """The context that the attribute then holds, as its module writes it, after setprocattr allowed it."""
        return None

    def getprocattr(self, subject: Subject, attr: str) -> Checks:
        """Before a task's attribute is read; of itself, always allowed (security_getprocattr)."""
        return ()

    # --- capability --------------------------------------------------------------------------------------------

    def capable(self, subject: Subject, cap: int) -> Checks:
        """Whether the subject may use capability number `cap` now (security_capable)."""
        return ()

    # --- policy ------------------------------------------------------------------------------------------------
    # No hooks in the kernel, where selinuxfs asks the AVC itself (security/selinux/selinuxfs.c); hooks here,
    # since the admin service is mediated like any other.

    def policy_load(self, subject: Subject, security: Obj) -> Checks:
        """Before another policy is loaded (selinuxfs load)."""
        return ()

    def policy_setenforce(self, subject: Subject, security: Obj) -> Checks:
        """Before enforcing is switched (selinuxfs enforce)."""
        return ()

    def policy_setbool(self, subject: Subject, security: Obj) -> Checks:
        """Before booleans are committed (selinuxfs commit_pending_bools)."""
        return ()


HOOKS: tuple[str, ...] = tuple(n for n, f in vars(Hooks).items() if callable(f) and not n.startswith("_"))
