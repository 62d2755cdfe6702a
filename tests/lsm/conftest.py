"""The project's policy `targeted` in a real module, and the small world in which the operations are asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import sepol
from harness import policies
from lsm import vfs
from lsm.framework import Framework, Mediator
from lsm.hooks import Hooks
from lsm.modules.capability import NUMBER, Capability
from lsm.modules.selinux.module import Selinux
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer
from lsm.objects import Caps, Decision, Fid, Obj, Subject, file_class

USER = 1000
KINDS = {"file": 0o100666, "dir": 0o040777, "link": 0o120777, "fifo": 0o010666, "chr": 0o020666, "sock": 0o140666}
NAMES = {"link": "lnk_file", "fifo": "fifo_file", "chr": "chr_file", "sock": "sock_file"}

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def binary() -> bytes:
    """The policy `targeted`, as libsepol compiles it."""
    if reason := sepol.available():
        pytest.skip(reason)
    return sepol.compile_cil(policies.source("targeted"))


@pytest.fixture(scope="session")
def policy(binary: bytes) -> Policy:
    """The same, flattened and parsed."""
    return Policy.parse(sepol.flatten(binary).cil, "d1")


@pytest.fixture
def server(policy: Policy) -> SecurityServer:
    return SecurityServer(policy)


@pytest.fixture
def selinux(server: SecurityServer) -> Selinux:
    return Selinux(server)


@pytest.fixture
def framework(selinux: Selinux) -> Framework:
    return Framework([Capability(frozenset({"security.selinux"})), selinux])


@pytest.fixture
def posix() -> Framework:
    """No module but `capability`: an ordinary POSIX filesystem."""
    return Framework([Capability()])


@pytest.fixture
def task() -> Make:
    """A subject: `task("user_t", uid=1000, caps=("fowner",))`; its context may be given whole."""

    def make(domain: str = "user_t", *, uid: int = USER, caps: tuple[str, ...] = (), **fields: Any) -> Subject:
        context = domain if ":" in domain else f"user_u:user_r:{domain}:s0"
        effective = sum(1 << NUMBER[cap] for cap in caps)
        return Subject(uid, uid, caps=Caps(effective), comm="cat", labels={"selinux": context}, **fields)

    return make


@pytest.fixture
def thing() -> Make:
    """An object: `thing("home_t", "dir", role="parent", mode=0o700, uid=0)`; owner 1000, mode 0666 or 0777."""

    def make(type_: str | None, kind: str = "file", *, role: str = "object", **fields: Any) -> Obj:
        mode = KINDS[kind] if "mode" not in fields else KINDS[kind] & ~0o7777 | fields.pop("mode")
        label = type_ if type_ is None or ":" in type_ else f"user_u:object_r:{type_}:s0"
        owner = fields.pop("uid", USER)
        fid = fields.pop("fid", Fid(1, sum(map(ord, role + kind))))
        return Obj(role, file_class(mode), {"selinux": label}, uid=owner, gid=owner, mode=mode, fid=fid, **fields)

    return make


@pytest.fixture
def fs() -> Obj:
    return Obj("fs", "filesystem", {"selinux": "system_u:object_r:lustre_fs_t:s0"}, name="lustre")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an operation: errno (0: done), and the decisions in the order in which they were asked."""

    errno: int
    decisions: tuple[Decision, ...]
    error: OSError | None = None

    @property
    def checks(self) -> list[str]:
        """SELinux's queries: "target type, class { requested }", and what of it was missing."""
        return [_text(d) for d in self.decisions if d.module == "selinux"]

    @property
    def dac(self) -> list[str]:
        """What mode bits, ownership and capabilities refused."""
        return [f"{d.hook} {' '.join(d.denied)}" for d in self.decisions if d.module != "selinux" and d.denied]


def _text(decision: Decision) -> str:
    asked = f"{decision.tcontext.split(':')[2]} {decision.tclass} {{ {' '.join(decision.requested)} }}"
    return f"{asked} denied {{ {' '.join(decision.denied)} }}" if decision.denied else asked


@pytest.fixture
def perform() -> Make:
    """Runs one of vfs.OPS, or any function of a Mediator, for a subject under a framework."""

    def run(framework: Framework, subject: Subject, op: str | Callable[[Mediator], object], **p: Any) -> Outcome:
        m = Mediator(framework, subject)
        try:
            if callable(op):
                op(m)
            else:
                vfs.run(op, m, **p)
        except OSError as error:
            return Outcome(error.errno or 0, tuple(m.decisions), error)
        return Outcome(0, tuple(m.decisions))

    return run


class Probe(Hooks):
    """A module that writes down which hooks are called, and denies the one that it is told to."""

    name = "probe"

    def __init__(self, denies: str = "", role: str = "") -> None:
        self.denies = (denies, role)
        self.called: list[str] = []

    def answer(self, hook: str, role: str, subject: Subject) -> Decision:
        self.called.append(f"{hook}({role})")
        refused = (hook, role) == self.denies
        missing = ("it",) if refused else ()
        return Decision("", "", ("it",), missing, "subject", "object", "file", not refused, "rule" if refused else "")


def _probing(hook: str) -> Callable[..., Any]:
    def method(self: Probe, subject: Subject, *args: Any) -> Any:
        about = next((a for a in args if isinstance(a, Obj)), None)
        yield self.answer(hook, about.role if about else "subject", subject)

    return method


for _hook in ("inode_permission", "inode_create", "inode_mkdir", "inode_mknod", "inode_symlink", "inode_link"):
    setattr(Probe, _hook, _probing(_hook))
for _hook in ("inode_unlink", "inode_rmdir", "inode_rename", "inode_readlink", "inode_setattr", "inode_getattr"):
    setattr(Probe, _hook, _probing(_hook))
for _hook in ("inode_getxattr", "inode_listxattr", "inode_setxattr", "inode_removexattr", "file_open"):
    setattr(Probe, _hook, _probing(_hook))
for _hook in ("inode_set_acl", "inode_get_acl", "inode_remove_acl"):
    setattr(Probe, _hook, _probing(_hook))
for _hook in ("file_permission", "sb_kern_mount", "sb_statfs", "capable"):
    setattr(Probe, _hook, _probing(_hook))
for _hook in ("file_lock", "file_fcntl", "file_ioctl", "mmap_file", "file_mprotect", "path_notify"):
    setattr(Probe, _hook, _probing(_hook))


@pytest.fixture
def probe() -> type[Probe]:
    return Probe
