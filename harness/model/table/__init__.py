"""The table: for each operation and case, the checks that the kernel makes, in order.

    names       directories and what stands in them: lookup, create, link, unlink, rename
    opened      open, and what is done with an open file
    attributes  what may be done, attributes, extended attributes, ACLs
    watches     inotify and fanotify
    others      the super block, OST objects, the subject itself, the policy

Source: the kernel's fs/namei.c, open.c, xattr.c, posix_acl.c, fcntl.c, locks.c and notify/ for the order of VFS steps
and hooks, security/selinux/hooks.c for what each hook asks; compared with the checks that a 6.1 kernel with SELinux
logged on ext4.

A row reads  [?]hook(role of its first object)  source -> target class {permissions}  [if condition]

  ?          allowed at this place, not demanded
  no check   the hook fires and asks SELinux nothing
  CLASS      the class of the object that the operation is about; MASK, OPEN, ATTR are given by the parameters
  opener     the context that opened the file, as a descriptor has it
  condition  device: CLASS is chr_file or blk_file; reparent: a directory that changes its parent; regular: a file;
             moved, swapped: of two names that change places over directories, this one is a directory;
             stranger: the context that asks is not the one that opened the file; again: nor is it, or the file's label
             has moved since then; once: neither can be told to be so

All permissions in one pair of braces are one query.
"""

from __future__ import annotations

from harness.model.table import attributes, names, opened, others, watches

TABLE: dict[tuple[str, str], str] = names.ROWS | opened.ROWS | attributes.ROWS | watches.ROWS | others.ROWS
