"""dup(2) and fcntl(2). What the server judges an open file by goes there; descriptors and signals are this node's."""

from __future__ import annotations

import errno
import fcntl as commands
import os
import stat

from client.ctx import Ctx
from client.file import OpenFile, install
from labelproof.v1 import mds_pb2 as pb
from lsm.hooks import F_GETOWN_EX, F_GETOWNER_UIDS, F_SETOWN_EX

# include/uapi/linux/fcntl.h
F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP = 0, 1, 2
# include/linux/signal.h, _NSIG
SIGNAL_MAX = 64
_SETTABLE = os.O_APPEND | os.O_NONBLOCK | os.O_NOATIME | os.O_DIRECT
_DUP = (commands.F_DUPFD, commands.F_DUPFD_CLOEXEC)
_FLAGS = (commands.F_GETFD, commands.F_SETFD)
_U32 = (1 << 32) - 1


async def dup(ctx: Ctx, fd: int) -> int:
    """dup(2): another descriptor of the same open file."""
    return install(ctx.task, ctx.file(fd, path=True))


async def fcntl(ctx: Ctx, fd: int, cmd: int, arg: int = 0) -> int:
    """fcntl(2) with F_DUPFD, F_GETFL, F_SETFL, F_SETLEASE, F_GETLEASE, and F_SETOWN, F_SETSIG and their like.

    The descriptor flags of F_GETFD have no use here and read as 0. A struct f_owner_ex, and the two uids of
    F_GETOWNER_UIDS, are their eight bytes as a number.
    """
    file = ctx.file(fd, path=cmd in (*_DUP, *_FLAGS, commands.F_GETFL))
    if cmd in _DUP:
        return install(ctx.task, file)
    if cmd == commands.F_GETFL:
        await _getfl(ctx, file)
        return file.flags & ~(os.O_CREAT | os.O_EXCL | os.O_NOCTTY | os.O_TRUNC | os.O_CLOEXEC)
    if cmd == commands.F_SETFL:
        await _setfl(ctx, file, arg & _U32)
    elif cmd in (commands.F_SETLEASE, commands.F_GETLEASE):
        return await _lease(ctx, file, cmd, arg)
    elif cmd in _SIGNALS:
        ctx.guard.check("owner", object=file.entry, cmd=cmd)
        await ctx.send("fcntl", pb.FcntlRequest(handle=file.handle, cmd=cmd))
        return _SIGNALS[cmd](ctx, file, arg)
    elif cmd not in _FLAGS:
        raise OSError(errno.EINVAL, f"fcntl command {cmd}")
    return 0


async def _setfl(ctx: Ctx, file: OpenFile, arg: int) -> None:
    """F_SETFL: of the flags that can be set, what the file is judged by goes to the MDS, and who has another context
    than the one that opened the file is asked about at least that."""
    flags = file.flags & ~_SETTABLE | arg & _SETTABLE
    turns, new = bool((flags ^ file.flags) & os.O_APPEND), flags & ~file.flags & os.O_NOATIME
    drops = turns and not flags & os.O_APPEND
    ctx.guard.check("setfl", object=file.entry, drops_append=drops, turns_append=turns, flags=new)
    if arg & os.O_DIRECT and not (file.direct or stat.S_ISFIFO(file.entry.mode)):
        await _getfl(ctx, file)
        raise OSError(errno.EINVAL, "no bytes of it go past the page cache")
    if turns or new or ctx.stranger(file):
        request = pb.FcntlRequest(handle=file.handle, cmd=commands.F_SETFL, arg=flags & os.O_APPEND | new)
        file.token = (await ctx.send("fcntl", request)).token
    file.flags = flags


async def _getfl(ctx: Ctx, file: OpenFile) -> None:
    """F_GETFL asks for no more than the use of the descriptor, which is not asked of who opened the file
    (security/selinux/hooks.c, selinux_file_fcntl)."""
    ctx.guard.check("getfl", object=file.entry)
    if ctx.stranger(file):
        await ctx.send("fcntl", pb.FcntlRequest(handle=file.handle, cmd=commands.F_GETFL))


async def _lease(ctx: Ctx, file: OpenFile, cmd: int, arg: int) -> int:
    """A lease, or what of it is left. No signal tells that somebody waits for it: F_GETLEASE does."""
    ctx.guard.check("setlease" if cmd == commands.F_SETLEASE else "getlease", object=file.entry, cmd=arg)
    request = pb.FcntlRequest(handle=file.handle, cmd=cmd, arg=arg & _U32)
    return int((await ctx.send("fcntl", request)).value)


def _setown(ctx: Ctx, file: OpenFile, arg: int) -> int:
    """fs/fcntl.c, f_setown: a process, or less than zero a group of them. EINVAL, ESRCH."""
    if arg <= -(1 << 31):
        raise OSError(errno.EINVAL, f"{-arg} is no process group")
    _own(ctx, file, F_OWNER_PGRP if arg < 0 else F_OWNER_PID, abs(arg))
    return 0


def _getown(ctx: Ctx, file: OpenFile, arg: int) -> int:
    kind, pid = file.owner
    return -pid if kind == F_OWNER_PGRP else pid


def _setown_ex(ctx: Ctx, file: OpenFile, arg: int) -> int:
    kind, pid = arg & _U32, arg >> 32 & _U32
    if kind not in (F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP):
        raise OSError(errno.EINVAL, f"{kind} is no type of owner")
    _own(ctx, file, kind, pid)
    return 0


def _getown_ex(ctx: Ctx, file: OpenFile, arg: int) -> int:
    kind, pid = file.owner
    return pid << 32 | kind


def _getowner_uids(ctx: Ctx, file: OpenFile, arg: int) -> int:
    """fs/fcntl.c, f_getowner_uids: real and effective uid of who named the owner; there is but one of the two here."""
    return file.owned_by << 32 | file.owned_by


def _own(ctx: Ctx, file: OpenFile, kind: int, pid: int) -> None:
    """fs/fcntl.c, f_modown"""
    file.owner = (kind, _existing(ctx, pid))
    if pid:
        file.owned_by = ctx.task.subject.uid


def _setsig(ctx: Ctx, file: OpenFile, arg: int) -> int:
    if not 0 <= arg <= SIGNAL_MAX:
        raise OSError(errno.EINVAL, f"{arg} is no signal")
    file.signal = arg
    return 0


def _getsig(ctx: Ctx, file: OpenFile, arg: int) -> int:
    return file.signal


def _existing(ctx: Ctx, pid: int) -> int:
    """ESRCH for a process that is not on this node; 0 is nobody."""
    if pid and not any(task.subject.pid == pid for task in ctx.tasks):
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), str(pid))
    return pid


_SIGNALS = {
    commands.F_SETOWN: _setown,
    commands.F_GETOWN: _getown,
    F_SETOWN_EX: _setown_ex,
    F_GETOWN_EX: _getown_ex,
    F_GETOWNER_UIDS: _getowner_uids,
    commands.F_SETSIG: _setsig,
    commands.F_GETSIG: _getsig,
}
