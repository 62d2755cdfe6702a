"""The service Agent: how the harness gets a task with a context on this node, and makes it act."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

import rpc.context
from client import ops, values
from client.ctx import Ctx
from client.devices import Devices
from client.file import OpenFile
from client.mount import Mount
from host import tasks
from host.node import Node
from host.tasks import Task, Tasks
from labelproof.v1 import client_pb2 as pb
from lsm import Subject
from rpc import Call, Peer, definite, status

log = logging.getLogger(__name__)


class Agent:
    """Handlers of the service. What fails in a task's call is a value of the reply, not an error of the rpc."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tasks = Tasks()
        self._devices = Devices()
        self._mounts: dict[str, Mount] = {}
        self._started_ns = node.clock.wall_ns()

    async def login(self, call: Call, req: pb.LoginRequest) -> pb.LoginReply:
        """A new task. EACCES for a context outside what this node's nodemap lets its subjects claim; EEXIST."""
        claimed = rpc.context.decode(req.context.SerializeToString())
        self._check_claim(claimed)
        task = self._tasks.login(req.task, claimed, nid=self._node.name, umask=req.umask)
        tasks.record(call.batch, task, "login", call.peer.node)
        return pb.LoginReply(pid=task.subject.pid)

    async def logout(self, call: Call, req: pb.LogoutRequest) -> pb.LogoutReply:
        """Ends a task, or all but those to keep; what they have open is closed first. ESRCH."""
        wanted = [req.task] if req.task else self._tasks.but(req.keep)
        await asyncio.gather(*(self._end(call, self._tasks.logout(task)) for task in wanted))
        return pb.LogoutReply()

    def counters(self) -> dict[str, int]:
        """How many tasks there are, and how many files they have open."""
        return {"tasks": len(self._tasks), "open_files": sum(map(_files, self._tasks))}

    def stop(self) -> None:
        """The node ends: no task waits for another one any more."""
        self._devices.stop()

    async def _end(self, call: Call, task: Task) -> None:
        # Taken away at once, so that an open that waits finds it has nothing to give back.
        files, task.fds = list(task.fds.values()), {}
        await asyncio.gather(*(self._close(call, task, file) for file in files))
        for mount in self._mounts.values():
            mount.cwds.pop(task.id, None)
        tasks.record(call.batch, task, "logout", call.peer.node)

    async def mount(self, call: Call, req: pb.MountRequest) -> pb.MountReply:
        """Mounts, or connects again; EBUSY where the mount is there with the other switch."""
        mount = self._mounts.get(req.mount) or Mount(
            self._node, req.mount, lsm=req.lsm, started_ns=self._started_ns, devices=self._devices
        )
        if mount.lsm != req.lsm:
            raise OSError(errno.EBUSY, f"mount {req.mount!r} is there with its LSM {'on' if mount.lsm else 'off'}")
        sepol = await mount.connect()
        self._mounts[req.mount] = mount
        return pb.MountReply(sepol=sepol)

    async def syscall(self, call: Call, req: pb.SyscallRequest) -> pb.SyscallReply:
        """One call of a task; whatever fails in it is in the reply."""
        call.takes("file")
        try:
            args = values.fields_to_python(req.args)
            result = await self.act(call, req.task, req.mount, req.name, args, op=req.op, test=req.test)
            return pb.SyscallReply(definite=True, value=values.to_proto(result))
        except OSError as error:
            return _failed(error)

    def act(
        self, call: Call, task: str, mount: str, name: str, args: Mapping[str, Any], *, op: str = "", test: str = ""
    ) -> Coroutine[Any, Any, Any]:  # fmt: skip
        """The call of a task itself, in plain Python: what `syscall` is for whoever is in this process."""
        ctx = Ctx(
            self._node, self._tasks, self._tasks.get(task), self._mounted(mount), call,
            op=op or call.op, test=test or call.test,
        )  # fmt: skip
        return ops.run(ctx, name, args)

    def _mounted(self, name: str) -> Mount:
        try:
            return self._mounts[name]
        except KeyError:
            raise OSError(errno.ENODEV, f"no mount {name!r} on {self._node.name}") from None

    def _check_claim(self, claimed: Subject) -> None:
        node = self._node
        modules = list(node.framework.kept.values())
        peer = Peer(node.config.cluster, node.role, node.name)
        node.admission.nodemap(peer).admitted(claimed, modules)

    async def _close(self, call: Call, task: Task, file: OpenFile) -> None:
        """Gives a handle back; a server that cannot be reached forgets it by itself."""
        caller = file.opener.doing(op=call.op, test=call.test, sepol=self._node.policy.sepol)
        try:
            await file.mount.mds.close(file.closing(self._node.clock.mono_ns()), caller)
        except OSError as error:
            log.info("close of task %s: %s", task.id, error)


def _files(task: Task) -> int:
    """How many files the task has open; a number that dup gave is no other file."""
    return len({id(file) for file in task.fds.values()})


def _failed(error: OSError) -> pb.SyscallReply:
    """The reply for an error, with its own words and the name that it is about."""
    number = error.errno or errno.EIO
    words = status.message(error) + (f": {error.filename!r}" if error.filename is not None else "")
    return pb.SyscallReply(errno=number, message=words.encode("utf-8", "replace").decode(), definite=definite(error))
