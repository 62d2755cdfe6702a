"""One syscall of a task: what every operation has at hand."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf.message import Message

from client.device import Device
from client.entry import Entry
from client.file import OpenFile, opened
from client.guard import Guard
from client.mdc import Mdc, Place
from client.mount import Mount
from client.osc import Osc
from client.walk import Last, Walk
from host.node import Node
from host.tasks import Task, Tasks
from lsm import Mediator
from rpc import Call, Caller


class Target(NamedTuple):
    """An object to work on: how to name it, and what is known of it (None if nothing was asked about it yet)."""

    place: Place
    entry: Entry | None = None

    @classmethod
    def of(cls, entry: Entry) -> Target:
        return cls(Place.of(entry), entry)


class Ctx:
    """The task, its mount and the ways to the servers. What `mediator` decides belongs to the agent's call."""

    def __init__(self, node: Node, tasks: Tasks, task: Task, mount: Mount, call: Call, *, op: str, test: str) -> None:
        self.node, self.tasks, self.task, self.call = node, tasks, task, call
        # What the agent's call asks, it asks for the task: so its audit records are the task's, not the harness's.
        call.lsm.subject = task.subject
        self.mediator: Mediator = call.lsm
        self._op, self._test = op, test
        # Descriptors of the directories at which the call's first and second relative path begin (openat(2)).
        self.dirfd: int | None = None
        self.to_dirfd: int | None = None
        self._use(mount)

    def _use(
        self, mount: Mount, opener: Caller | None = None, opened_by: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        self.mount = mount
        self.caller: Caller = (
            mount.caller(self.task.context, self.task.subject, self._op, self._test)
            if opener is None
            else opener.doing(op=self._op, test=self._test, sepol=self.node.policy.sepol)
        )
        self.guard = self._guard(mount, opened_by)
        self.mdc = Mdc(mount, self.caller, self.guard, self.task.id)
        self.walk = Walk(self.mdc)

    def _guard(self, mount: Mount, opened_by: Mapping[str, str] | None) -> Guard:
        if not mount.lsm:
            return Guard(None, {}, None)
        self.call.vantage = "client"
        return Guard(self.mediator, mount.modules, self.node.superblock(), opened_by)

    def walk_again(self) -> bool:
        """After ESTALE: forgets what was walked; False if this call walked nothing, so that nothing would change."""
        walked = self.mdc.walked
        if walked:
            if (cwd := self.mount.cwds.get(self.task.id)) is not None:
                cwd.subject = b""
            self.mount.roots.pop(self.task.subject.digest, None)
            self._use(self.mount)
        return walked

    async def last(self, path: bytes, *, second: bool = False) -> Last:
        """Where a path ends, from where the call has it begin. EBADF, ENOTDIR where that is no open directory."""
        number = self.to_dirfd if second else self.dirfd
        if number is None or not path or path.startswith(b"/"):
            return await self.walk.last(path)
        directory = opened(self.task, number, path=True).entry
        if not directory.is_dir:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return await self.walk.last(path, directory)

    def absolute(self, path: bytes) -> bytes | None:
        """The path from the root, as far as it is known."""
        if path.startswith(b"/"):
            return path
        cwd = self.mount.cwds.get(self.task.id)
        base = opened(self.task, self.dirfd, path=True).path if self.dirfd is not None else cwd.path if cwd else b""
        return None if base is None else base + b"/" + path

    def file(self, fd: int, *, path: bool = False) -> OpenFile:
        """The open file, on its own mount and as its opener: a fscreate set since then changes nothing (struct file,
        f_cred). Who has another context by now asks as what it is. `path`: O_PATH will do. EBADF."""
        file = opened(self.task, fd, path=path)
        if self.stranger(file):
            self._use(file.mount, opened_by=file.opened_by)
        else:
            self._use(file.mount, file.opener)
        return file

    def stranger(self, file: OpenFile) -> bool:
        """Whether the task has another context by now than when it opened the file."""
        return file.opened_by != self.task.subject.labels

    def osc(self, file: OpenFile) -> Osc:
        """The way to a regular file's objects."""
        return Osc(file, self.caller)

    def content(self, file: OpenFile) -> Osc | Device:
        """The way to an open file's bytes, wherever they are."""
        return file.device or self.osc(file)

    async def send(self, rpc: str, request: Message, ticket: bytes = b"") -> Any:
        """See Mdc.send."""
        return await self.mdc.send(rpc, request, ticket)

    async def patiently(self, rpc: str, request: Message, ticket: bytes = b"", *, wait: bool = True) -> Any:
        """As send; while a lease on the file is in the way (EWOULDBLOCK) it is asked again, unless not to `wait`.

        A server waits for some seconds at a time, and for no more than lease-break-time for one lease.
        """
        while True:
            try:
                return await self.send(rpc, request, ticket)
            except BlockingIOError:
                if not wait:
                    raise

    async def target(
        self, path: bytes | None, fd: int | None, *, follow: bool = True, o_path: bool = False
    ) -> Target:  # fmt: skip
        """The object of a call that takes a path or a descriptor; EINVAL for neither or both.

        A link that is not to be followed is named in its parent, without a Lookup; whatever else is looked up first,
        since what changes must not be the link. With the client's LSM on everything is. `o_path`: a descriptor that was
        opened with O_PATH will do.
        """
        if (path is None) == (fd is None):
            raise OSError(errno.EINVAL, "one of the arguments 'path' and 'fd' is needed, and not both")
        if fd is not None:
            file = self.file(fd, path=o_path)
            return Target(Place.opened(file.handle), file.entry)
        last = await self.last(path or b"")
        if last.name and not (follow or last.slash or self.guard.on):
            return Target(Place.named(last))
        return Target.of((await self.walk.find(last, follow=follow)).entry)

    async def peek(self, last: Last) -> Entry | None:
        """What stands at the last component, for the client's own checks; with those off nobody is asked."""
        return await self.walk.peek(last) if self.guard.on else None
