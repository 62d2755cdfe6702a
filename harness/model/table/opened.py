"""Open, and what is done with an open file (security/selinux/hooks.c: file_has_perm and what calls it).

Where the context that asks is not the one that opened, every query on a descriptor is preceded by fd {use}; attributes
by descriptor are asked of the inode, without.
"""

from __future__ import annotations

from harness.model.table.names import MAKE

_HELD = """
    HOOK(object)
    HOOK(object)                subject -> opener fd {use}  if stranger
"""
_WRITE = """
    file_permission(object)
    file_permission(object)     subject -> opener fd {use}  if stranger
    file_permission(object)     subject -> object CLASS {WRITING}  if again
    ?file_permission(object)    subject -> object CLASS {write}  if once
    ?file_permission(object)    subject -> object CLASS {append}  if once
"""
_NAMES = """
    file_permission(object)
    file_permission(object)     subject -> opener fd {use}  if stranger
    file_permission(object)     subject -> object dir {read}  if again
    ?file_permission(object)    subject -> object dir {read}  if once
"""
_LOCK = """
    file_lock(object)           subject -> opener fd {use}  if stranger
    file_lock(object)           subject -> object CLASS {lock}
"""
_RANGE = _LOCK.replace("file_lock", "file_fcntl")
_IOCTL = """
    file_ioctl(object)          subject -> opener fd {use}  if stranger
    file_ioctl(object)          subject -> object CLASS {PERM}
"""
_PROTECT = """
    file_mprotect(object)       subject -> opener fd {use}  if stranger
    file_mprotect(object)       subject -> object CLASS {PERM}
"""

ROWS: dict[tuple[str, str], str] = {
    ("open", "new"): MAKE.replace("HOOK", "inode_create") + "file_open(object) subject -> object CLASS {OPEN}",
    ("open", "existing"): """
        inode_permission(object)    subject -> object CLASS {MASK}
        file_open(object)           subject -> object CLASS {OPEN}
    """,
    # A file without a name: no add_name, no create, no associate (fs/namei.c, do_tmpfile).
    ("open", "tmpfile"): """
        inode_permission(directory) subject -> parent dir {write search}
        inode_init_security(directory)
        file_open(object)           subject -> object file {OPEN}
    """,
    # O_PATH asks for nothing but the way there.
    ("open", "path"): "",
    ("open", "truncate"): """
        inode_permission(object)    subject -> object CLASS {MASK}
        file_open(object)           subject -> object CLASS {OPEN}
        inode_setattr(object)       subject -> object CLASS {write}
    """,
    # Asked again only where the label or the policy has moved since open, or another context asks
    # (selinux_file_permission).
    ("read", "token"): """
        file_permission(object)
        file_permission(object)     subject -> opener fd {use}  if stranger
        file_permission(object)     subject -> object CLASS {read}  if again
        ?file_permission(object)    subject -> object CLASS {read}  if once
    """,
    ("write", "token"): _WRITE,
    ("fallocate", "token"): _WRITE,
    ("readdir", "names"): _NAMES,
    # An entry with its attributes costs what a lookup of its name costs.
    ("readdir", "plus"): _NAMES + "inode_permission(object) subject -> object dir {search}",
    # The end of an open file, for an append or a seek: nobody is asked (generic_file_llseek, generic_write_checks).
    ("getattr", "end"): "",
    ("flock", "flock"): _LOCK,
    ("flock", "setlk"): _RANGE + _LOCK,
    ("flock", "getlk"): _RANGE,
    ("fcntl", "setfl"): _HELD.replace("HOOK", "file_fcntl"),
    ("fcntl", "drop-append"): """
        file_fcntl(object)          subject -> opener fd {use}  if stranger
        file_fcntl(object)          subject -> object CLASS {write}
    """,
    ("fcntl", "getfl"): _HELD.replace("HOOK", "file_fcntl"),
    # F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG, F_GETOWNER_UIDS; of F_SETOWN_EX and F_GETOWN_EX selinux_file_fcntl knows
    # nothing.
    ("fcntl", "owner"): _HELD.replace("HOOK", "file_fcntl"),
    ("fcntl", "owner-ex"): "file_fcntl(object)",
    # Nor of leases: what is asked, file_lock asks (fs/locks.c, generic_setlease).
    ("fcntl", "setlease"): "file_fcntl(object)" + _LOCK,
    ("fcntl", "getlease"): "file_fcntl(object)",
    ("ioctl", "getattr"): _IOCTL.replace("PERM", "getattr"),
    ("ioctl", "setattr"): _IOCTL.replace("PERM", "setattr"),
    ("ioctl", "free"): _HELD.replace("HOOK", "file_ioctl"),
    # FIOCLEX and FIONCLEX under the policy's capability ioctl_skip_cloexec.
    ("ioctl", "cloexec"): "file_ioctl(object)",
    # KDSKBENT and KDSKBSENT: cred_has_capability, and nothing of the file.
    ("ioctl", "tty"): "file_ioctl(object) subject -> subject capability {sys_tty_config}",
    ("ioctl", "ioctl"): _IOCTL.replace("PERM", "ioctl"),
    # `map` is asked of the inode, whoever opened it; what the pages can do, of the descriptor (file_map_prot_check).
    ("mmap", "mmap"): """
        mmap_file(object)           subject -> object CLASS {map}
        mmap_file(object)           subject -> opener fd {use}  if stranger
        mmap_file(object)           subject -> object CLASS {MAP}
    """,
    ("mmap", "mprotect"): _PROTECT.replace("PERM", "MAP"),
    ("mmap", "execmod"): _PROTECT.replace("PERM", "execmod") + _PROTECT.replace("PERM", "MAP"),
}
