"""A small world for the client: one MDS and some OSTs in memory, behind channels that count what is called."""

import asyncio
import errno
import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

import rpc.context
from client.agent import Agent
from labelproof.v1 import client_pb2, context_pb2, mds_pb2, oss_pb2
from lsm import Decision, Framework, Hooks, Mediator, Obj, Subject
from lsm.modules.capability import Capability
from rpc import Admission, Call, Peer, Recorder
from rpc.mediation import Mediation

XATTR = "security.toy"
STRIPE = 8


class Clock:
    def wall_ns(self) -> int:
        return 1_000_000_000

    def mono_ns(self) -> int:
        return 0


class Toy(Hooks):
    """A label module that refuses the hooks it is told to, and labels what is new after its directory."""

    name = "toy"
    xattr = XATTR

    def __init__(self) -> None:
        self.denies: set[str] = set()
        # Who opened what is asked about, by hook.
        self.openers: list[tuple[str, Any]] = []

    def _ask(self, hook: str, obj: Obj) -> list[Decision]:
        denied = (hook,) if hook in self.denies else ()
        self.openers.append((hook, obj.opener))
        return [Decision(hook, "toy", (hook,), denied, "s", "t", obj.tclass, not denied, fid=obj.fid)]

    def inode_permission(self, subject: Subject, obj: Obj, mask: int) -> list[Decision]:
        return self._ask(f"inode_permission:{obj.role}", obj)

    def inode_init_security(self, subject: Subject, parent: Obj, new: Obj) -> str:
        return f"{parent.labels['toy']}+{new.tclass}"

    def sb_kern_mount(self, subject: Subject, fs: Obj) -> list[Decision]:
        return self._ask("sb_kern_mount", fs)

    def sb_statfs(self, subject: Subject, fs: Obj) -> list[Decision]:
        return self._ask("sb_statfs", fs)

    def setprocattr(self, subject: Subject, attr: str, value: str | None) -> list[Decision]:
        return self._ask("setprocattr", Obj("subject", "process"))


def _asks(hook: str, position: int) -> Callable[..., Any]:
    def method(self: Toy, subject: Subject, *args: Any) -> list[Decision]:
        return self._ask(hook, args[position])

    return method


for _hook in ("inode_create", "inode_mkdir", "inode_mknod", "inode_symlink", "inode_unlink", "inode_rmdir"):
    setattr(Toy, _hook, _asks(_hook, 1))
for _hook in (
    "inode_link", "inode_readlink", "inode_setattr", "inode_getattr", "inode_setxattr", "inode_getxattr",
    "inode_listxattr", "inode_removexattr", "inode_set_acl", "inode_get_acl", "inode_remove_acl", "file_open",
    "file_permission", "file_fcntl", "file_lock", "path_notify",
):  # fmt: skip
    setattr(Toy, _hook, _asks(_hook, 0))
Toy.inode_rename = _asks("inode_rename", 1)  # type: ignore[method-assign]


@dataclass
class Inode:
    fid: context_pb2.Fid
    mode: int
    names: dict[bytes, "Inode"] = field(default_factory=dict)
    target: bytes = b""
    xattrs: dict[str, bytes] = field(default_factory=dict)
    rdev: int = 0


class World:
    """The servers. `calls` are the rpcs in order; `refuse` maps an rpc to errors that it still has to raise."""

    def __init__(self, osts: int = 3) -> None:
        self.calls: list[str] = []
        self.requests: list[Any] = []
        self.refuse: dict[str, list[OSError]] = {}
        self.seqno = 1
        self.osts = [f"oss{n}" for n in range(osts)]
        self.objects: dict[tuple[str, int], bytearray] = {}
        self.size_asked_of_mds = 0
        # Tokens of files whose label has moved since they were opened.
        self.moved: set[bytes] = set()
        self.handles: dict[bytes, Inode] = {}
        self._oid = 0
        self.root = self.inode(stat.S_IFDIR | 0o777)

    def inode(self, mode: int, target: bytes = b"") -> Inode:
        self._oid += 1
        return Inode(context_pb2.Fid(seq=7, oid=self._oid), mode, target=target, xattrs={XATTR: b"label%d" % self._oid})

    def make(self, path: str, mode: int = stat.S_IFREG | 0o666, target: str = "", rdev: int = 0) -> Inode:
        """Puts an object at `path`, whose directories are there."""
        *dirs, name = path.strip("/").split("/")
        at = self.root
        for part in dirs:
            at = at.names[part.encode()]
        at.names[name.encode()] = self.inode(mode, target.encode())
        at.names[name.encode()].rdev = rdev
        return at.names[name.encode()]

    async def serve(self, node: str, method: str, request: Any, caller: Any) -> Any:
        await asyncio.sleep(0)
        self.calls.append(method.partition("/")[2])
        self.requests.append(request)
        if self.refuse.get(method):
            raise self.refuse[method].pop(0)
        handler = getattr(self, f"_{method.replace('/', '_').lower()}")
        return handler(node, request, caller)

    # --- mds ---------------------------------------------------------------------------------------------------

    def _ticket(self, inode: Inode, caller: Any) -> bytes:
        return f"{inode.fid.oid}:{self.seqno}:{caller.subject.digest.hex()}".encode()

    def _check(self, fid: context_pb2.Fid, caller: Any, ticket: bytes | None = None) -> Inode:
        oid, seqno, digest = (caller.ticket if ticket is None else ticket).decode().split(":")
        if (int(oid), digest) != (fid.oid, caller.subject.digest.hex()):
            raise OSError(errno.EACCES, "no ticket of this subject for this file")
        if int(seqno) != self.seqno:
            raise OSError(errno.ESTALE, "walk again")
        return self._by_oid(self.root, fid.oid)

    def _by_oid(self, at: Inode, oid: int) -> Any:
        if at.fid.oid == oid:
            return at
        return next((found for child in at.names.values() if (found := self._by_oid(child, oid))), None)

    def _named(self, name: mds_pb2.Name, caller: Any) -> Inode:
        parent = self._check(name.parent, caller)
        if name.name == b".":
            return parent
        if len(name.name) > 255:
            raise OSError(errno.ENAMETOOLONG, "too long a name")
        if name.name not in parent.names:
            raise FileNotFoundError(errno.ENOENT, "no entry")
        return parent.names[name.name]

    def _place(self, place: mds_pb2.Place, caller: Any) -> Inode:
        kind = place.WhichOneof("by")
        if kind == "handle":
            return self.handles[place.handle]
        return self._named(place.name, caller) if kind == "name" else self._check(place.fid, caller)

    def entry(self, inode: Inode) -> context_pb2.Entry:
        labels = [context_pb2.Label(name=XATTR, value=inode.xattrs.get(XATTR))]
        return context_pb2.Entry(fid=inode.fid, mode=inode.mode, uid=1000, gid=1000, labels=labels, label_version=1)

    def _attr(self, inode: Inode) -> context_pb2.Attr:
        return context_pb2.Attr(entry=self.entry(inode), nlink=1, size=self.size_asked_of_mds, rdev=inode.rdev)

    def _mds_connect(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.ConnectReply(sepol="1:own:33:abc")

    def _mds_getroot(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.LookupReply(entry=self.entry(self.root), ticket=self._ticket(self.root, caller))

    def _mds_lookup(self, node: str, request: Any, caller: Any) -> Any:
        if request.HasField("first"):
            self._check(request.first, caller, request.first_ticket)
        found = self._named(request.name, caller)
        return mds_pb2.LookupReply(entry=self.entry(found), ticket=self._ticket(found, caller))

    def _mds_getattr(self, node: str, request: Any, caller: Any) -> Any:
        inode = self._place(request.place, caller)
        if request.follow and stat.S_ISLNK(inode.mode):
            raise OSError(errno.ELOOP, "a link")
        return mds_pb2.AttrReply(attr=self._attr(inode))

    def _mds_access(self, node: str, request: Any, caller: Any) -> Any:
        self._place(request.place, caller)
        return mds_pb2.AccessReply()

    def _mds_setattr(self, node: str, request: Any, caller: Any) -> Any:
        inode = self._place(request.place, caller)
        if request.HasField("mode"):
            inode.mode = stat.S_IFMT(inode.mode) | request.mode
        return mds_pb2.AttrReply(attr=self._attr(inode))

    def _mds_readlink(self, node: str, request: Any, caller: Any) -> Any:
        inode = self._place(request.place, caller)
        if not stat.S_ISLNK(inode.mode):
            raise OSError(errno.EINVAL, "no link")
        return mds_pb2.ReadlinkReply(target=inode.target)

    def _add(self, name: mds_pb2.Name, mode: int, caller: Any, target: bytes = b"") -> Inode:
        parent = self._check(name.parent, caller)
        if name.name in parent.names:
            raise FileExistsError(errno.EEXIST, "there")
        parent.names[name.name] = self.inode(mode, target)
        return parent.names[name.name]

    def _mds_mkdir(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.AttrReply(attr=self._attr(self._add(request.name, stat.S_IFDIR | request.mode, caller)))

    def _mds_mknod(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.AttrReply(attr=self._attr(self._add(request.name, request.mode, caller)))

    def _mds_symlink(self, node: str, request: Any, caller: Any) -> Any:
        made = self._add(request.name, stat.S_IFLNK | 0o777, caller, request.target)
        return mds_pb2.AttrReply(attr=self._attr(made))

    def _mds_link(self, node: str, request: Any, caller: Any) -> Any:
        held = self.handles.get(request.handle)
        inode = held or self._check(request.object, caller, request.object_ticket)
        self._check(request.name.parent, caller).names[request.name.name] = inode
        return mds_pb2.AttrReply(attr=self._attr(inode))

    def _mds_unlink(self, node: str, request: Any, caller: Any) -> Any:
        self._named(request.name, caller)
        del self._check(request.name.parent, caller).names[request.name.name]
        return mds_pb2.UnlinkReply()

    _mds_rmdir = _mds_unlink

    def _mds_rename(self, node: str, request: Any, caller: Any) -> Any:
        inode = self._named(request.source, caller)
        if (request.source.slash or request.target.slash) and not stat.S_ISDIR(inode.mode):
            raise NotADirectoryError(errno.ENOTDIR, "a slash behind what is no directory")
        self._check(request.target.parent, caller, request.target_ticket).names[request.target.name] = inode
        del self._check(request.source.parent, caller).names[request.source.name]
        return mds_pb2.RenameReply()

    def _mds_open(self, node: str, request: Any, caller: Any) -> Any:
        created = False
        try:
            inode = self._place(request.place, caller)
        except FileNotFoundError:
            if not request.flags & os.O_CREAT:
                raise
            inode, created = self._add(request.place.name, stat.S_IFREG | request.mode, caller), True
        if request.flags & os.O_DIRECTORY and not stat.S_ISDIR(inode.mode):
            raise NotADirectoryError(errno.ENOTDIR, "no directory")
        if stat.S_ISLNK(inode.mode):
            raise OSError(errno.ELOOP, "a link")
        handle = b"h%d" % len(self.handles)
        self.handles[handle] = inode
        return mds_pb2.OpenReply(
            attr=self._attr(inode), ticket=self._ticket(inode, caller), handle=handle, created=created,
            token=b"token %d" % inode.fid.oid,
            layout=context_pb2.Layout(stripe_size=STRIPE, osts=self.osts if stat.S_ISREG(inode.mode) else ()),
        )  # fmt: skip

    def _mds_close(self, node: str, request: Any, caller: Any) -> Any:
        del self.handles[request.handle]
        return mds_pb2.CloseReply()

    def _mds_lock(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.LockReply()

    def _mds_fcntl(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.FcntlReply(token=b"token", value=request.arg)

    def _mds_watch(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.WatchReply(entry=self.entry(self._place(request.place, caller)))

    def _mds_readdir(self, node: str, request: Any, caller: Any) -> Any:
        names = sorted(self.handles[request.handle].names.items())[request.cookie :][: min(request.count, 2)]
        entries = [
            mds_pb2.Dirent(
                name=name, cookie=request.cookie + n, type=stat.S_IFMT(i.mode), fid=i.fid, entry=self.entry(i)
            )
            for n, (name, i) in enumerate(names, 1)
        ]
        return mds_pb2.ReaddirReply(entries=entries, eof=not entries)

    def _mds_getxattr(self, node: str, request: Any, caller: Any) -> Any:
        value = self._place(request.place, caller).xattrs.get(request.name)
        return mds_pb2.GetxattrReply(label=context_pb2.Label(name=request.name, value=value))

    def _mds_setxattr(self, node: str, request: Any, caller: Any) -> Any:
        self._place(request.place, caller).xattrs[request.name] = request.value
        return mds_pb2.SetxattrReply()

    def _mds_listxattr(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.ListxattrReply(names=sorted(self._place(request.place, caller).xattrs))

    def _mds_removexattr(self, node: str, request: Any, caller: Any) -> Any:
        del self._place(request.place, caller).xattrs[request.name]
        return mds_pb2.SetxattrReply()

    def _mds_statfs(self, node: str, request: Any, caller: Any) -> Any:
        return mds_pb2.StatfsReply(block_size=4096, name_max=255)

    # --- oss ---------------------------------------------------------------------------------------------------

    def _oss_connect(self, node: str, request: Any, caller: Any) -> Any:
        return oss_pb2.OssConnectReply()

    def _oss_read(self, node: str, request: Any, caller: Any) -> Any:
        data = self.objects.get((node, request.stripe), bytearray())
        part = bytes(data[request.offset : request.offset + request.length])
        return oss_pb2.ReadReply(data=part, size=len(data), judged=request.token in self.moved)

    def _oss_write(self, node: str, request: Any, caller: Any) -> Any:
        data = self.objects.setdefault((node, request.stripe), bytearray())
        data.extend(bytes(max(0, request.offset - len(data))))
        data[request.offset : request.offset + len(request.data)] = request.data
        return oss_pb2.WriteReply(size=len(data), judged=request.token in self.moved)

    def _oss_seek(self, node: str, request: Any, caller: Any) -> Any:
        """A NUL is a hole here."""
        data, at = self.objects.get((node, request.stripe), bytearray()), request.offset
        found = (n for n in range(at, len(data)) if bool(data[n]) != request.hole)
        return oss_pb2.SeekReply(offset=next(found, max(at, len(data)) if request.hole else None), size=len(data))

    def _oss_fallocate(self, node: str, request: Any, caller: Any) -> Any:
        return oss_pb2.WriteReply()


@dataclass
class Wire:
    """A channel to one server of the world; `retries` are what the client asked to have resent."""

    world: World
    node: str
    peer: Peer
    retries: list[int] = field(default_factory=list)

    async def call(self, method: str, request: Any, *, caller: Any, retry: int = 0, **_: Any) -> Any:
        self.retries.append(retry)
        return await self.world.serve(self.node, method, request, caller)

    async def close(self) -> None:
        pass


class FakeNode(SimpleNamespace):
    """What the client uses of host.Node, over the world's wires."""

    def __init__(self, world: World, toy: Toy, lines: list[bytes]) -> None:
        framework = Framework([Capability(frozenset({XATTR})), toy])
        clock = Clock()
        super().__init__(
            name="client0", role="client", framework=framework, config=SimpleNamespace(cluster="labelproof"),
            policy=SimpleNamespace(sepol="1:own:33:abc", seqno=1), recorder=Recorder("client0", lines.append, clock),
            clock=clock, admission=Admission("labelproof", framework), world=world,
            subject=rpc.context.named(Subject(0, 0, labels={"toy": "node"}, nid="client0")),
            wires={
                name: Wire(world, name, Peer("labelproof", name[:3], name)) for name in ("mds0", *world.osts)
            },
        )  # fmt: skip

    def peers(self, role: str) -> tuple[str, ...]:
        return tuple(sorted(name for name in self.wires if name.startswith(role)))

    def channel(self, node: str) -> Wire:
        return self.wires[node]  # type: ignore[no-any-return]

    def caller(self, call: Any = None, *, behalf: Any = None) -> rpc.Caller:
        return rpc.Caller.of(self.subject, sepol=self.policy.sepol)

    def superblock(self) -> Obj:
        return Obj("fs", "filesystem", {"toy": "fs"}, name="lustre")


class Client:
    """The agent of a client node with one task, called as the harness calls it."""

    def __init__(self, world: World, *, lsm: bool) -> None:
        self.world, self.toy, self.lines = world, Toy(), list[bytes]()
        self.node = FakeNode(world, self.toy, self.lines)
        self.agent = Agent(self.node)  # type: ignore[arg-type]
        self.last: Any = None
        self._loop = asyncio.new_event_loop()
        self.rpc("mount", client_pb2.MountRequest(mount="/", lsm=lsm))
        self.login("t")
        world.calls.clear()

    def login(self, task: str, label: str = "task", umask: int = 0o022) -> Any:
        context = context_pb2.SecurityContext(
            uid=1000, gid=1000, labels=[context_pb2.Label(name="toy", value=label.encode())]
        )
        return self.rpc("login", client_pb2.LoginRequest(task=task, context=context, umask=umask))

    def rpc(self, name: str, request: Any) -> Any:
        """One call of the agent; `last` keeps what it said of itself."""
        return self._loop.run_until_complete(self._called(name, request))

    async def _called(self, name: str, request: Any) -> Any:
        subject = Subject(0, 0, comm="harness")
        batch = self.node.recorder.batch()
        self.last = Call(
            f"Agent/{name}", Peer("labelproof", "harness", "harness"), rpc.Nodemap(), subject,
            Mediator(self.node.framework, subject), Mediation({}, "", Counter()), batch,
            self.node.clock,
        )  # fmt: skip
        reply = await getattr(self.agent, name)(self.last, request)
        batch.flush()
        return reply

    def reply(self, name: str, /, **args: Any) -> Any:
        return self.rpc("syscall", _syscall(name, **args))

    def __call__(self, name: str, /, **args: Any) -> Any:
        """The result of a syscall, or its OSError."""
        return _result(self.reply(name, **args))

    def begin(self, name: str, /, **args: Any) -> "asyncio.Task[Any]":
        """A syscall that goes on as others are made; here it is done, or waits for somebody."""
        begun = self._loop.create_task(self._called("syscall", _syscall(name, **args)))
        self._loop.run_until_complete(asyncio.wait([begun], timeout=0.01))
        return begun

    def ended(self, begun: "asyncio.Task[Any]") -> Any:
        """The result of a syscall that began before, or its OSError."""
        return _result(self._loop.run_until_complete(asyncio.wait_for(begun, 5)))

    def close(self) -> None:
        self._loop.close()


def _syscall(name: str, /, *, task: str = "t", mount: str = "/", **args: Any) -> client_pb2.SyscallRequest:
    from client.values import fields_to_proto

    return client_pb2.SyscallRequest(task=task, mount=mount, name=name, args=fields_to_proto(args))


def _result(reply: client_pb2.SyscallReply) -> Any:
    from client.values import to_python

    if reply.errno:
        raise OSError(reply.errno, reply.message)
    return to_python(reply.value)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_client(request: pytest.FixtureRequest) -> Callable[..., Client]:
    def make(world: World, *, lsm: bool = False) -> Client:
        made = Client(world, lsm=lsm)
        request.addfinalizer(made.close)
        return made

    return make


@pytest.fixture
def client(world: World, make_client: Callable[..., Client]) -> Client:
    """A client whose LSM is off."""
    return make_client(world)


@pytest.fixture
def guarded(world: World, make_client: Callable[..., Client]) -> Client:
    """A client whose LSM is on."""
    return make_client(world, lsm=True)
