"""What may be done, attributes, extended attributes and ACLs (fs/attr.c, fs/xattr.c, fs/posix_acl.c)."""

from __future__ import annotations

RELABEL = """
    inode_setxattr(object)      subject -> object CLASS {relabelfrom}
    inode_setxattr(object)      subject -> new CLASS {relabelto}
    inode_setxattr(object)      new -> fs filesystem {associate}
"""

ROWS: dict[tuple[str, str], str] = {
    # --- what may be done; nothing is asked for F_OK
    ("access", "access"): "inode_permission(object) subject -> object CLASS {MASK}",
    ("access", "chdir"): "inode_permission(object) subject -> object dir {search}",
    # --- attributes
    ("getattr", "stat"): "inode_getattr(object) subject -> object CLASS {getattr}",
    ("getattr", "open"): "inode_getattr(object) subject -> object CLASS {getattr}",
    ("setattr", "attr"): "inode_setattr(object) subject -> object CLASS {setattr}",
    ("setattr", "now"): """
        ?inode_permission(object)   subject -> object CLASS {write}
        inode_setattr(object)       subject -> object CLASS {write}
    """,
    ("setattr", "truncate"): """
        inode_permission(object)    subject -> object CLASS {write}
        inode_setattr(object)       subject -> object CLASS {WRITE-OPEN}
    """,
    ("setattr", "ftruncate"): "inode_setattr(object) subject -> object CLASS {write}",
    # --- extended attributes
    ("getxattr", "attr"): "inode_getxattr(object) subject -> object CLASS {getattr}",
    ("getxattr", "user"): """
        inode_permission(object)    subject -> object CLASS {read}
        inode_getxattr(object)      subject -> object CLASS {getattr}
    """,
    ("setxattr", "label"): RELABEL,
    ("setxattr", "attr"): "inode_setxattr(object) subject -> object CLASS {setattr}",
    ("setxattr", "user"): """
        inode_permission(object)    subject -> object CLASS {write}
        inode_setxattr(object)      subject -> object CLASS {setattr}
    """,
    ("removexattr", "attr"): "inode_removexattr(object) subject -> object CLASS {setattr}",
    ("removexattr", "user"): """
        inode_permission(object)    subject -> object CLASS {write}
        inode_removexattr(object)   subject -> object CLASS {setattr}
    """,
    # The module's own label cannot be removed: EACCES without any query, in permissive mode too.
    ("removexattr", "label"): "inode_removexattr(object)",
    ("listxattr", "list"): "inode_listxattr(object) subject -> object CLASS {getattr}",
    # Access control lists: hooks of their own, which ask what the ones above ask of them before Linux 6.2.
    ("setxattr", "acl"): "inode_set_acl(object) subject -> object CLASS {setattr}",
    ("getxattr", "acl"): "inode_get_acl(object) subject -> object CLASS {getattr}",
    ("removexattr", "acl"): "inode_remove_acl(object) subject -> object CLASS {setattr}",
}
