"""Directories and what stands in them (fs/namei.c; security/selinux/hooks.c: may_create, may_link, may_rename)."""

from __future__ import annotations

MAKE = """
    inode_permission(parent)    subject -> parent dir {write search}
    capable(subject)            subject -> subject capability {mknod}  if device
    HOOK(parent)                subject -> parent dir {add_name search}
    HOOK(parent)                subject -> new CLASS {create}
    HOOK(parent)                new -> fs filesystem {associate}
    inode_init_security(parent)
"""
_REMOVE = """
    inode_permission(parent)    subject -> parent dir {write search}
    HOOK(parent)                subject -> parent dir {remove_name search}
    HOOK(parent)                subject -> object CLASS {PERM}
"""
_RENAME = """
    inode_permission(parent)    subject -> parent dir {write search}
    inode_permission(newparent) subject -> newparent dir {write search}
    inode_permission(object)    subject -> object dir {write}  if reparent
    inode_rename(parent)        subject -> parent dir {remove_name search}
    inode_rename(parent)        subject -> object CLASS {rename}
    inode_rename(parent)        subject -> object dir {reparent}  if reparent
"""

ROWS: dict[tuple[str, str], str] = {
    ("lookup", "name"): "inode_permission(parent) subject -> parent dir {search}",
    # The second of two paths: the first one is walked whole before, its last directory too (fs/namei.c, do_renameat2).
    ("lookup", "second"): """
        inode_permission(first)     subject -> first dir {search}
        inode_permission(parent)    subject -> parent dir {search}
    """,
    ("mkdir", "new"): MAKE.replace("HOOK", "inode_mkdir").replace("CLASS", "dir"),
    ("mknod", "regular"): MAKE.replace("HOOK", "inode_create"),
    ("mknod", "special"): MAKE.replace("HOOK", "inode_mknod"),
    ("symlink", "new"): MAKE.replace("HOOK", "inode_symlink").replace("CLASS", "lnk_file"),
    ("unlink", "unlink"): _REMOVE.replace("HOOK", "inode_unlink").replace("PERM", "unlink"),
    ("rmdir", "rmdir"): _REMOVE.replace("HOOK", "inode_rmdir").replace("PERM", "rmdir").replace("CLASS", "dir"),
    # fs.protected_hardlinks: its denial is overruled for the owner, so the check may stand in a success.
    ("link", "link"): """
        ?inode_permission(object)   subject -> object CLASS {read write}  if regular
        inode_permission(parent)    subject -> parent dir {write search}
        inode_link(object)          subject -> parent dir {add_name search}
        inode_link(object)          subject -> object CLASS {link}
    """,
    ("rename", "plain"): _RENAME + "inode_rename(parent) subject -> newparent dir {add_name search}",
    ("rename", "replace"): _RENAME
    + """
        inode_rename(parent)        subject -> newparent dir {add_name remove_name search}
        inode_rename(parent)        subject -> target TARGET {GONE}
    """,
    # security_inode_rename calls the hook for both ways, the way back first.
    ("rename", "exchange"): """
        inode_permission(parent)    subject -> parent dir {write search}
        inode_permission(newparent) subject -> newparent dir {write search}
        inode_permission(object)    subject -> object dir {write}  if moved
        inode_permission(target)    subject -> target dir {write}  if swapped
        inode_rename(newparent)     subject -> newparent dir {remove_name search}
        inode_rename(newparent)     subject -> target TARGET {rename}
        inode_rename(newparent)     subject -> target dir {reparent}  if swapped
        inode_rename(newparent)     subject -> parent dir {add_name remove_name search}
        inode_rename(newparent)     subject -> object CLASS {LOST}
        inode_rename(parent)        subject -> parent dir {remove_name search}
        inode_rename(parent)        subject -> object CLASS {rename}
        inode_rename(parent)        subject -> object dir {reparent}  if moved
        inode_rename(parent)        subject -> newparent dir {add_name remove_name search}
        inode_rename(parent)        subject -> target TARGET {GONE}
    """,
    # The whiteout is labelled as a new device, and nothing is asked for it.
    ("rename", "whiteout"): _RENAME
    + """
        inode_rename(parent)        subject -> newparent dir {add_name search}
        inode_init_security(parent)
    """,
    ("rename", "whiteout-replace"): _RENAME
    + """
        inode_rename(parent)        subject -> newparent dir {add_name remove_name search}
        inode_rename(parent)        subject -> target TARGET {GONE}
        inode_init_security(parent)
    """,
    ("rename", "same-inode"): "",
    ("readlink", "read"): "inode_readlink(object) subject -> object lnk_file {read}",
}
