"""The super block, OST objects, the subject itself, the policy."""

from __future__ import annotations

from harness.model.table.attributes import RELABEL

ROWS: dict[tuple[str, str], str] = {
    # --- the super block
    ("getroot", "mount"): "sb_kern_mount(fs) subject -> fs filesystem {mount}",
    ("statfs", "statfs"): "sb_statfs(fs) subject -> fs filesystem {getattr}",
    # --- OST objects, on behalf of an operation on the file; no counterpart in the kernel
    ("ost_setlabel", "relabel"): RELABEL,
    ("ost_setattr", "attr"): "inode_setattr(object) subject -> object CLASS {setattr}",
    ("ost_punch", "size"): """
        inode_setattr(object)
        ?inode_setattr(object)      subject -> object CLASS {write}
        ?inode_setattr(object)      subject -> object CLASS {write open}
    """,
    ("ost_glimpse", "size"): "inode_getattr(object) subject -> object CLASS {getattr}",
    ("ost_destroy", "destroy"): "inode_unlink(object) subject -> object CLASS {unlink}",
    # --- the subject itself
    ("setprocattr", "attr"): "setprocattr(subject) subject -> subject process {ATTR}",
    ("getprocattr", "getattr"): "getprocattr(subject)",
    # --- the policy (security/selinux/selinuxfs.c)
    ("policy_load", "reload"): "policy_load(security) subject -> security security {load_policy}",
    ("setenforce", "set"): "policy_setenforce(security) subject -> security security {setenforce}",
    ("setbool", "set"): "policy_setbool(security) subject -> security security {setbool}",
}
