"""The operations of a task, by family; the table of them.

  open.py       open close
  readdir.py    readdir getdents
  data.py       the bytes of an open file
  space.py      fallocate, copies between files, fsync
  namespace.py  mkdir mknod symlink readlink unlink rmdir link rename
  fcntl.py      dup, fcntl
  ioctl.py      ioctl
  file.py       locks, mmap, watches
  attr.py       stat and its like; chdir; chmod chown utimes truncate
  xattr.py      extended attributes, labels among them
  fs.py         statfs
  task.py       the task's own attributes

An operation is one `async def name(ctx, ...)` whose annotations declare its arguments, and one line in SYSCALLS.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from client.args import Syscall
from client.ctx import Ctx
from client.ops import attr, data, fcntl, file, fs, ioctl, namespace, readdir, space, task, xattr
from client.ops import open as files
from rpc import definite

SYSCALLS: dict[str, Syscall] = {
    f.__name__: Syscall.of(f)
    for f in (
        files.open,
        files.reopen,
        files.close,
        readdir.readdir,
        readdir.getdents,
        data.read,
        data.write,
        data.pread,
        data.pwrite,
        data.lseek,
        space.fallocate,
        space.copy_file_range,
        space.sendfile,
        space.fsync,
        space.sync,
        namespace.mkdir,
        namespace.mknod,
        namespace.symlink,
        namespace.readlink,
        namespace.unlink,
        namespace.rmdir,
        namespace.link,
        namespace.linkfd,
        namespace.rename,
        attr.stat,
        attr.lstat,
        attr.fstat,
        attr.access,
        attr.chdir,
        attr.chmod,
        attr.chown,
        attr.utimes,
        attr.truncate,
        attr.ftruncate,
        fcntl.dup,
        fcntl.fcntl,
        file.flock,
        file.lockf,
        file.getlk,
        file.interrupt,
        ioctl.ioctl,
        file.mmap,
        file.mprotect,
        file.watch,
        file.fanotify,
        xattr.getxattr,
        xattr.setxattr,
        xattr.listxattr,
        xattr.removexattr,
        fs.statfs,
        task.setfscreate,
        task.getfscreate,
        task.setexec,
        task.getexec,
        task.setkeycreate,
        task.getkeycreate,
        task.setsockcreate,
        task.getsockcreate,
        task.setcon,
        task.getcon,
        task.umask,
    )
}


# Arguments that every call with a path takes: where its paths begin, if not at the working directory (openat(2)).
DIRFDS = ("dirfd", "to_dirfd")


async def run(ctx: Ctx, name: str, args: Mapping[str, Any]) -> Any:
    """The result of the operation. ENOSYS: there is none such; EINVAL: its arguments; else as it says itself.

    A ticket may have become stale under a changed policy (ESTALE, surely not done): then the path is walked once more.
    """
    syscall = SYSCALLS.get(name)
    if syscall is None:
        raise OSError(errno.ENOSYS, f"no operation {name!r}; there are {', '.join(SYSCALLS)}")
    named = {name: value for name, value in args.items() if name not in DIRFDS}
    bound = syscall.bind(named)
    ctx.dirfd, ctx.to_dirfd = (_descriptor(name, args.get(name)) for name in DIRFDS)
    try:
        return await syscall.function(ctx, **bound)
    except OSError as error:
        if error.errno != errno.ESTALE or not definite(error) or not ctx.walk_again():
            raise
    return await syscall.function(ctx, **bound)


def _descriptor(name: str, value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise OSError(errno.EINVAL, f"argument {name!r} is no descriptor")
    return value
