"""Inotify and fanotify (fs/notify/; security/selinux/hooks.c, selinux_path_notify).

A case is named by what is marked and what is told: [mount | filesystem][-perm][-reads], of an inode alone `watch`.
Marks on more than an inode, and events that wait for leave, are the administrator's (fanotify_user.c, fanotify_init).
"""

from __future__ import annotations

_READ = "inode_permission(object) subject -> object CLASS {read}\n"
_ADMIN = "capable(subject) subject -> subject capability {sys_admin}\n"
_MARKS = {"": "watch", "mount": "watch_mount", "filesystem": "watch_sb"}
_EVENTS = {"": "", "perm": "watch_with_perm", "reads": "watch_reads", "perm-reads": "watch_with_perm watch_reads"}


def _rows(mark: str, events: str) -> str:
    admin = _ADMIN if mark or "perm" in events else ""
    filesystem = "path_notify(object) subject -> fs filesystem {watch}\n" if mark == "filesystem" else ""
    asked = f"path_notify(object) subject -> object CLASS {{{_MARKS[mark]} {_EVENTS[events]}}}"
    return admin + _READ + filesystem + asked


ROWS: dict[tuple[str, str], str] = {
    ("watch", "-".join(filter(None, (mark, events))) or "watch"): _rows(mark, events)
    for mark in _MARKS
    for events in _EVENTS
}
