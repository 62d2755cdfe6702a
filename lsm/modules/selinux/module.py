"""The SELinux module: each hook as security/selinux/hooks.c asks it, over the security server beside it."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator

from lsm.avc import Avc
from lsm.hooks import F_GETLK, F_SETLK, MAY_ACCESS, MAY_APPEND, MAY_WRITE, Checks, Hooks, Mark, Opened
from lsm.modules.capability import NAMES, xattr_capability
from lsm.modules.selinux import perms as wanted
from lsm.modules.selinux.context import ContextError
from lsm.modules.selinux.query import Queries
from lsm.modules.selinux.relabel import Relabel
from lsm.modules.selinux.server import SecurityServer
from lsm.modules.selinux.transition import NoCommonLevel
from lsm.objects import Decision, Obj, Subject

XATTR = "security.selinux"
CAPABILITIES, CAPABILITIES_V2_BYTES = "security.capability", 20
PROT_WRITE, PROT_EXEC = 2, 4


class Selinux(Hooks):
    """Mandatory access control by the loaded policy. Without a policy no call reaches it: admission fails closed."""

    name = "selinux"
    xattr = XATTR

    def __init__(self, server: SecurityServer) -> None:
        self.server = server
        self.avc = Avc(server.compute_av)
        self._ask = Queries(server, self.avc, self.name)
        self._relabel = Relabel(server, self._ask)

    # --- super block -------------------------------------------------------------------------------------------

    def sb_set_mnt_opts(self, subject: Subject, fs: Obj) -> str | None:
        """The superblock's label: the policy's fs_use rule for its type, else what genfscon says of its root, else
        `unlabeled` (security_fs_use)."""
        policy = self.server.policy
        behaviour_and_context = policy.fs_use.get(fs.name)
        if behaviour_and_context:
            return behaviour_and_context[1]
        return policy.genfs_context(fs.name, "/", "dir") or self._ask.initial("unlabeled")

    def sb_kern_mount(self, subject: Subject, fs: Obj) -> Checks:
        yield self._ask.about(subject, fs, "mount")

    def sb_statfs(self, subject: Subject, fs: Obj) -> Checks:
        yield self._ask.about(subject, fs, "getattr")

    # --- inode -------------------------------------------------------------------------------------------------

    def inode_permission(self, subject: Subject, obj: Obj, mask: int) -> Checks:
        """The mask as permissions; access(2) asks silently where the policy says so (selinux_inode_permission)."""
        perms = wanted.of_mask(stat.S_ISDIR(obj.mode), mask)
        if perms:
            silencer = "audit_access" if mask & MAY_ACCESS else ""
            ssid, tsid = self._ask.sid(subject), self._ask.object_sid(obj)
            yield self._ask.decide(ssid, tsid, obj, perms, "", errno.EACCES, silencer=silencer)

    def inode_init_security(self, subject: Subject, parent: Obj, new: Obj) -> str | None:
        return self.server.sid_to_context(self._new_sid(subject, parent, new), force=True)

    def inode_create(self, subject: Subject, parent: Obj, new: Obj, fs: Obj) -> Checks:
        return self._may_create(subject, parent, new, fs)

    inode_mkdir = inode_mknod = inode_symlink = inode_create

    def inode_link(self, subject: Subject, obj: Obj, parent: Obj) -> Checks:
        yield self._ask.about(subject, parent, "add_name", "search")
        yield self._ask.about(subject, obj, "link")

    def inode_unlink(self, subject: Subject, parent: Obj, obj: Obj) -> Checks:
        return self._may_remove(subject, parent, obj, "unlink")

    def inode_rmdir(self, subject: Subject, parent: Obj, obj: Obj) -> Checks:
        return self._may_remove(subject, parent, obj, "rmdir")

    def inode_rename(self, subject: Subject, parent: Obj, obj: Obj, newparent: Obj, target: Obj | None) -> Checks:
        """may_rename: what leaves the old directory, the object itself, then what happens in the new one."""
        yield self._ask.about(subject, parent, "remove_name", "search")
        yield self._ask.about(subject, obj, "rename")
        if obj.is_dir and parent.fid != newparent.fid:
            yield self._ask.about(subject, obj, "reparent")
        yield self._ask.about(subject, newparent, "add_name", *(("remove_name",) if target else ()), "search")
        if target is not None:
            yield self._ask.about(subject, target, "rmdir" if target.is_dir else "unlink")

    def inode_readlink(self, subject: Subject, obj: Obj) -> Checks:
        yield self._ask.about(subject, obj, "read")

    def inode_setattr(self, subject: Subject, obj: Obj, attrs: frozenset[str]) -> Checks:
        """Ownership, mode and explicit times are setattr; size and `now` are write (selinux_inode_setattr)."""
        if attrs & {"mode", "uid", "gid", "atime_set", "mtime_set"}:
            yield self._ask.about(subject, obj, "setattr")
            return
        opens = "size" in attrs and "file" not in attrs and "open_perms" in self.server.policy.policycaps
        yield self._ask.about(subject, obj, "write", *(("open",) if opens else ()))

    def inode_getattr(self, subject: Subject, obj: Obj) -> Checks:
        yield self._ask.about(subject, obj, "getattr")

    def inode_getxattr(self, subject: Subject, obj: Obj, name: str) -> Checks:
        yield self._ask.about(subject, obj, "getattr")

    def inode_listxattr(self, subject: Subject, obj: Obj) -> Checks:
        yield self._ask.about(subject, obj, "getattr")

    def inode_setxattr(self, subject: Subject, obj: Obj, name: str, value: bytes, fs: Obj) -> Checks:
        if name == XATTR:
            yield from self._relabel.asked(subject, obj, value, fs)
        else:
            if name == CAPABILITIES and len(value) == CAPABILITIES_V2_BYTES:
                # Asked once more whether the value may stay as it is (security/commoncap.c, cap_convert_nscap).
                yield self._ask.capability(subject, "setfcap")
            yield from self._may_change_xattr(subject, obj, name)

    def inode_removexattr(self, subject: Subject, obj: Obj, name: str) -> Checks:
        """An xattr may go with setattr; a label never: EACCES, without a query, in permissive mode too."""
        if name == XATTR:
            raise PermissionError(errno.EACCES, "a security label can be changed, never removed", name)
        yield from self._may_change_xattr(subject, obj, name)

    def inode_set_acl(self, subject: Subject, obj: Obj, name: str, value: bytes) -> Checks:
        yield self._ask.about(subject, obj, "setattr")

    def inode_get_acl(self, subject: Subject, obj: Obj, name: str) -> Checks:
        yield self._ask.about(subject, obj, "getattr")

    def inode_remove_acl(self, subject: Subject, obj: Obj, name: str) -> Checks:
        yield self._ask.about(subject, obj, "setattr")

    def inode_setsecurity(self, subject: Subject, obj: Obj, name: str, value: bytes) -> str | None:
        """Canonical text; what the policy does not know stays as it is (inode_setxattr asked mac_admin for it), and a
        text of nothing keeps the NUL that makes it one."""
        if name != XATTR:
            return None
        return self.server.sid_to_context(self._ask.parse(value, defer=True), force=True) or "\0"

    def setprocattr_context(self, subject: Subject, attr: str, value: str) -> str | None:
        """What the attribute reads as: the text of its SID."""
        defer = attr == "fscreate"
        return self.server.sid_to_context(
            self._ask.parse(value.encode("utf-8", "surrogateescape"), defer=defer), force=True
        )

    def inode_getsecurity(self, subject: Subject, obj: Obj, name: str, value: bytes | None) -> bytes | None:
        """The raw text for who has mac_admin, asked without an audit record; else as the policy knows the label."""
        if name != XATTR or value is None:
            return value if name != XATTR else self._ask.initial("file").encode()
        try:
            self.server.context_to_sid(value.decode("utf-8", "surrogateescape"))
        except ContextError:
            return value if self._ask.mac_admin(subject) else self._ask.initial("unlabeled").encode()
        return value

    # --- file --------------------------------------------------------------------------------------------------

    def file_open(self, subject: Subject, obj: Obj, mask: int) -> Checks:
        """The open file's mode as permissions, plus `open` (selinux_file_open, open_file_to_av)."""
        if not mask & MAY_WRITE:
            mask &= ~MAY_APPEND
        opens = ("open",) if "open_perms" in self.server.policy.policycaps else ()
        yield self._ask.about(subject, obj, *(wanted.of_mask(stat.S_ISDIR(obj.mode), mask) or ("ioctl",)), *opens)

    def file_permission(self, subject: Subject, obj: Obj, mask: int, opened: Opened) -> Checks:
        """Nothing while label, policy and who asks are those of the open (selinux_file_permission)."""
        if opened.seqno != self.server.seqno or opened.moved(obj, self.name) or self._foreign(subject, obj):
            yield from self._held(subject, obj, *wanted.of_mask(stat.S_ISDIR(obj.mode), mask))

    def file_lock(self, subject: Subject, obj: Obj, cmd: int) -> Checks:
        return self._held(subject, obj, "lock")

    def file_fcntl(self, subject: Subject, obj: Obj, cmd: int, drops_append: bool) -> Checks:
        """Locks are locks; giving O_APPEND up is writing; others need the descriptor only, and some not even that
        (selinux_file_fcntl)."""
        if cmd in (F_GETLK, F_SETLK):
            yield from self._held(subject, obj, "lock")
        elif cmd in wanted.FCNTL_USE:
            yield from self._held(subject, obj, *(("write",) if drops_append else ()))

    def file_ioctl(self, subject: Subject, obj: Obj, cmd: int) -> Checks:
        """By the command: like stat, like chmod, nothing, a capability, else ioctl with its number
        (selinux_file_ioctl)."""
        if cmd in wanted.IOCTL_TTY:
            yield self._ask.capability(subject, "sys_tty_config", errno.EACCES)
            return
        if cmd in wanted.IOCTL_CLOEXEC and self._has("ioctl_skip_cloexec"):
            return
        yield from self._held(subject, obj)
        if cmd in wanted.IOCTL_GETATTR:
            yield self._ask.about(subject, obj, "getattr")
        elif cmd in wanted.IOCTL_SETATTR:
            yield self._ask.about(subject, obj, "setattr")
        elif cmd not in wanted.IOCTL_FREE:
            yield self._ask.ioctl(subject, obj, cmd & 0xFFFF)

    def mmap_file(self, subject: Subject, obj: Obj, prot: int, shared: bool) -> Checks:
        """map, then what the mapping can do (selinux_mmap_file, file_map_prot_check)."""
        yield self._ask.about(subject, obj, "map")
        yield from self._may_map(subject, obj, prot, shared)

    def file_mprotect(self, subject: Subject, obj: Obj, prot: int, shared: bool, dirtied: bool) -> Checks:
        """execmod where changed private pages become executable, then as for the mapping (selinux_file_mprotect)."""
        if prot & PROT_EXEC and dirtied and not shared:
            yield from self._held(subject, obj, "execmod")
        yield from self._may_map(subject, obj, prot, shared)

    def path_notify(self, subject: Subject, obj: Obj, mask: int, mark: Mark, fs: Obj) -> Checks:
        """A watch of the object, its mount or its filesystem (selinux_path_notify)."""
        if mark == Mark.FILESYSTEM:
            yield self._ask.about(subject, fs, "watch")
        yield self._ask.about(subject, obj, *wanted.of_watch(mask, mark))

    # --- task --------------------------------------------------------------------------------------------------

    def setprocattr(self, subject: Subject, attr: str, value: str | None) -> Checks:
        """process{set<attr>} on oneself; the context must parse; `current` is a transition (selinux_setprocattr)."""
        own = Obj("subject", "process", subject.labels)
        yield self._ask.about(subject, own, f"set{attr}")
        if value is None:
            return
        text = value.encode("utf-8", "surrogateescape")
        sid = (yield from self._relabel.known_or_forced(subject, text)) if attr == "fscreate" else self._ask.parse(text)
        if attr == "current":
            become = Obj("new", "process", {self.name: self.server.sid_to_context(sid)})
            yield self._ask.about(subject, become, "dyntransition")
        if attr == "keycreate":
            yield self._ask.about(subject, Obj("key", "key", {self.name: self.server.sid_to_context(sid)}), "create")

    # --- capability --------------------------------------------------------------------------------------------

    def capable(self, subject: Subject, cap: int) -> Checks:
        """The domain must have the capability too (cred_has_capability)."""
        yield self._ask.capability(subject, NAMES[cap])

    # --- policy ------------------------------------------------------------------------------------------------

    def policy_load(self, subject: Subject, security: Obj) -> Checks:
        yield self._security(subject, "load_policy")

    def policy_setenforce(self, subject: Subject, security: Obj) -> Checks:
        yield self._security(subject, "setenforce")

    def policy_setbool(self, subject: Subject, security: Obj) -> Checks:
        yield self._security(subject, "setbool")

    # --- files -------------------------------------------------------------------------------------------------

    def _may_map(self, subject: Subject, obj: Obj, prot: int, shared: bool) -> Iterator[Decision]:
        """file_map_prot_check: read whatever is asked; private pages that are both written and run are execmem."""
        if prot & PROT_EXEC and prot & PROT_WRITE and not shared:
            sid = self._ask.sid(subject)
            own = Obj("subject", "process", subject.labels)
            yield self._ask.decide(sid, sid, own, ("execmem",), "", errno.EACCES)
        write = ("write",) if shared and prot & PROT_WRITE else ()
        yield from self._held(subject, obj, "read", *write, *(("execute",) if prot & PROT_EXEC else ()))

    def _held(self, subject: Subject, obj: Obj, *perms: str) -> Iterator[Decision]:
        """An open file: whether what another context opened may be used at all, then the file (file_has_perm)."""
        if self._foreign(subject, obj):
            yield self._ask.about(subject, _descriptor(obj), "use")
        if perms:
            yield self._ask.about(subject, obj, *perms)

    def _foreign(self, subject: Subject, obj: Obj) -> bool:
        return obj.opener is not None and self._ask.object_sid(_descriptor(obj)) != self._ask.sid(subject)

    def _has(self, capability: str) -> bool:
        return capability in self.server.policy.policycaps

    # --- helpers -----------------------------------------------------------------------------------------------

    def _may_create(self, subject: Subject, parent: Obj, new: Obj, fs: Obj) -> Iterator[Decision]:
        """may_create: the directory, then the new object under the label it will have, then the filesystem."""
        yield self._ask.about(subject, parent, "add_name", "search", name=new.name)
        label = self.server.sid_to_context(self._new_sid(subject, parent, new))
        born = Obj(new.role, new.tclass, {self.name: label}, mode=new.mode, name=new.name)
        yield self._ask.about(subject, born, "create")
        yield self._ask.between(born, fs, "associate", name=new.name)

    def _may_remove(self, subject: Subject, parent: Obj, obj: Obj, perm: str) -> Iterator[Decision]:
        """may_link for unlink and rmdir. An OST object has no directory: it is its own `parent`."""
        if parent is not obj:
            yield self._ask.about(subject, parent, "remove_name", "search", name=obj.name)
        yield self._ask.about(subject, obj, perm)

    def _may_change_xattr(self, subject: Subject, obj: Obj, name: str) -> Iterator[Decision]:
        """Another's xattr: the capability that its namespace needs (cap_inode_setxattr), then setattr."""
        if cap := xattr_capability(name):
            yield self._ask.capability(subject, cap)
        yield self._ask.about(subject, obj, "setattr")

    def _security(self, subject: Subject, perm: str) -> Decision:
        target = Obj("security", "security", {self.name: self._ask.initial("security")})
        return self._ask.about(subject, target, perm)

    def _new_sid(self, subject: Subject, parent: Obj, new: Obj) -> int:
        """determine_inode_label: fscreate, else the transition from the directory with the last component."""
        if subject.fscreate is not None:
            return self._ask.parse(subject.fscreate.encode("utf-8", "surrogateescape"), defer=True)
        ssid, tsid = self._ask.sid(subject), self._ask.object_sid(parent)
        try:
            return self.server.compute_create(ssid, tsid, new.tclass, new.name)
        except ContextError as error:
            error_number = errno.EINVAL if isinstance(error, NoCommonLevel) else errno.EACCES
            raise OSError(error_number, str(error), new.name) from None


def _descriptor(obj: Obj) -> Obj:
    """The open file itself, which is labelled as who opened it."""
    return Obj("opener", "fd", obj.opener or {}, name=obj.name)
