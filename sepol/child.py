"""The limited child: ``python -P -m sepol.child PARENT_PID CPU_S MEMORY_BYTES``; its stdin is the socket to its parent.

What it can do is the table OPERATIONS. It ends when the socket closes or its parent dies.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sepol import abi, compiler, frames
from sepol.engine import Engine
from sepol.errors import PolicyError
from sepol.policydb import PolicyDb

_PR_SET_PDEATHSIG = 1

Reply = tuple[Any, bytes]


def main(arguments: list[str]) -> None:
    """Serve requests until the other side closes."""
    parent, cpu_s, memory_bytes = (int(argument) for argument in arguments)
    _limit_memory(memory_bytes)
    _die_with(parent)
    channel, server = os.dup(0), Server()
    while True:
        try:
            head, body = frames.read(lambda size: os.read(channel, size))
        except (EOFError, ConnectionError):
            return
        _limit_cpu(cpu_s)
        _send(channel, server.answer(head, body))


class Server:
    """The operations of one child; only `start` gives it an engine."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """Raises PolicyError before a policy has been loaded."""
        if self._engine is None:
            raise PolicyError("has not been loaded")
        return self._engine

    def answer(self, head: frames.Head, body: bytes) -> bytes:
        """The message that answers another."""
        try:
            result, data = OPERATIONS[head["op"]](self, head, body)
            return frames.pack({"result": result, "worn": self._engine is not None and self._engine.worn}, data)
        except PolicyError as error:
            return frames.pack({"error": "policy", "text": f"{error}{_cramped()}"})
        except KeyError as error:
            return frames.pack({"error": "key", "text": str(error.args[0])})
        except ValueError as error:
            return frames.pack({"error": "value", "text": str(error)})
        except MemoryError:
            return frames.pack({"error": "policy", "text": "needs more memory than its child may use"})

    def compile(self, head: frames.Head, _: bytes) -> Reply:
        """CIL files to a binary policy."""
        return None, compiler.compile_cil(head["files"])

    def flatten(self, _: frames.Head, policy: bytes) -> Reply:
        """A binary policy to its version and CIL text."""
        policydb = PolicyDb(policy)
        return policydb.version, policydb.cil().encode("utf-8")

    def start(self, head: frames.Head, policy: bytes) -> Reply:
        """Load the policy that the later questions are about."""
        self._engine = Engine(policy, head["booleans"])
        return None, b""

    def classes(self, _: frames.Head, __: bytes) -> Reply:
        """The names that the bits of decisions stand for."""
        return self.engine.classes(), b""

    def booleans(self, head: frames.Head, _: bytes) -> Reply:
        """Change some booleans."""
        self.engine.set_booleans(head["values"])
        return None, b""


def _each(ask: Callable[..., object]) -> Callable[[Server, frames.Head, bytes], Reply]:
    def answer(server: Server, head: frames.Head, _: bytes) -> Reply:
        engine = server.engine
        return [ask(engine, *query) for query in head["queries"]], b""

    return answer


OPERATIONS: dict[str, Callable[[Server, frames.Head, bytes], Reply]] = {
    "compile": Server.compile,
    "flatten": Server.flatten,
    "start": Server.start,
    "classes": Server.classes,
    "booleans": Server.booleans,
    "decide": _each(Engine.decide),
    "explain": _each(Engine.explain),
    "validatetrans": _each(Engine.validatetrans),
    "check": _each(Engine.valid_context),
}


def _send(channel: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(channel, view) :]


def _limit_memory(memory_bytes: int) -> None:
    _lower(resource.RLIMIT_AS, memory_bytes)
    _lower(resource.RLIMIT_CORE, 0)


def _limit_cpu(cpu_s: int) -> None:
    """Each request has its own allowance; over it SIGXCPU ends the process, also inside a C call."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + cpu_s)


def _lower(kind: int, soft: int) -> None:
    """Set the soft limit, within what we were started with."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _cramped() -> str:
    """What to add to a complaint of libsepol where too little memory may be behind it."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    peak_kib = int(status.partition("VmPeak:")[2].split()[0])
    return f" (or its {limit >> 20} MiB of memory were too few)" if peak_kib << 10 > limit * 0.8 else ""


def _die_with(parent: int) -> None:
    """End when the parent process ends. The kernel also signals the end of the *thread* that started us: then go on."""

    def orphaned(*_: object) -> None:
        if os.getppid() != parent:
            os._exit(0)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes us
    signal.signal(signal.SIGHUP, orphaned)
    abi.libc().prctl(_PR_SET_PDEATHSIG, signal.SIGHUP, 0, 0, 0)
    orphaned()


if __name__ == "__main__":
    main(sys.argv[1:])
