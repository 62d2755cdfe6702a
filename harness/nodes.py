"""The nodes of a running cluster, as tests act on them: `mds0.restart()`, `client0.login(...)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from google.protobuf.message import Message

from harness.subjects import CapSpec, SubjectSpec, mask
from harness.tasks import Operations, Task
from labelproof.v1 import client_pb2 as pb
from labelproof.v1 import context_pb2
from rpc import Caller, context


class Host(Operations, Protocol):
    """What a node's facade needs of its cluster."""

    def address(self, node: str) -> str: ...
    def ask(self, node: str, method: str, request: Message, caller: Caller | None = None) -> Any: ...
    def kill(self, node: str) -> None: ...
    def stop_node(self, node: str) -> None: ...
    def restart(self, node: str) -> None: ...
    def pause(self, node: str) -> None: ...
    def resume(self, node: str) -> None: ...
    def new_task(self, *, lasting: bool) -> str: ...
    def mounted(self, client: str, mount: str, lsm: bool) -> None: ...


class Node:
    """One node of the cluster, by its name."""

    def __init__(self, cluster: Host, name: str, role: str) -> None:
        self._cluster = cluster
        self.name = name
        self.role = role

    def __repr__(self) -> str:
        return f"<{self.role} {self.name}>"

    @property
    def address(self) -> str:
        """Where it listens now."""
        return self._cluster.address(self.name)

    @property
    def admin(self) -> Admin:
        """Its service Admin, synchronously."""
        return Admin(self._cluster, self.name)

    def kill(self) -> None:
        """Ends it as kill -9 does. OSError(EOPNOTSUPP) on a runtime that cannot; `restart` brings it back."""
        self._cluster.kill(self.name)

    def stop(self) -> None:
        """Stops it in good order; `restart` brings it back."""
        self._cluster.stop_node(self.name)

    def pause(self) -> None:
        """Lets it stand still, its connections open. OSError(EOPNOTSUPP) on a runtime that cannot."""
        self._cluster.pause(self.name)

    def resume(self) -> None:
        """Lets it go on; without effect if it is not paused."""
        self._cluster.resume(self.name)

    def restart(self) -> None:
        """Stops it if it runs, starts it on the same data, and joins it to the others with the policy in force."""
        self._cluster.restart(self.name)


class ClientNode(Node):
    """A client node: tasks log in here."""

    def login(
        self,
        subject: str | SubjectSpec | None,
        *,
        uid: int = 1000,
        gid: int = 1000,
        groups: Iterable[int] = (),
        caps: CapSpec = 0,
        fscreate: str | None = None,
        umask: int = 0o022,
        comm: str = "test",
        lasting: bool = False,
    ) -> Task:
        """A new task with the context and credentials given; a SubjectSpec brings its own credentials.

        In a test of the plugin's it ends with the test, unless a fixture of several tests made it as it was set up;
        `lasting` is for one that such a fixture makes later, and keeps.

        OSError: EACCES for a context that the nodemap does not let this node claim, EINVAL for a malformed one.
        """
        spec = subject
        if not isinstance(spec, SubjectSpec):
            spec = SubjectSpec(spec, uid, gid, tuple(groups), mask(caps), fscreate, comm)
        return self._login(spec, umask, lasting=lasting)

    def mount(self, lsm: bool = False) -> str:
        """The name of this node's mount with its client LSM on or off, made if it is not there yet."""
        name = "lsm" if lsm else "/"
        request = pb.MountRequest(mount=name, lsm=lsm)
        self._cluster.run(self._cluster.agent(self.name, "mount", request))
        self._cluster.mounted(self.name, name, lsm)
        return name

    def _login(self, spec: SubjectSpec, umask: int, *, lasting: bool) -> Task:
        claimed = replace(spec.subject(), nid=self.name)
        message = context_pb2.SecurityContext.FromString(context.encode(claimed))
        task = self._cluster.new_task(lasting=lasting)
        request = pb.LoginRequest(task=task, context=message, umask=umask)
        reply = self._cluster.run(self._cluster.agent(self.name, "login", request))
        return Task(self._cluster, self.name, task, spec, reply.pid)


class Admin:
    """The rpcs of a node's service Admin in snake case, synchronous: `admin.stats(StatsRequest())`."""

    def __init__(self, cluster: Host, node: str) -> None:
        self._cluster = cluster
        self._node = node

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(request: Message, caller: Caller | None = None) -> Any:
            return self._cluster.ask(self._node, method, request, caller)

        return call
