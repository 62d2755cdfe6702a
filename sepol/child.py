"""The limited child: ``python -P -m sepol.child PARENT_PID CPU_S MEMORY_BYTES``, messages on a socket that is its stdin.

Its operations are the table OPERATIONS. It ends when the socket closes or its parent dies.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from sepol import abi, compiler, frames
from sepol.engine import Engine
from sepol.errors import PolicyError
from sepol.policydb import PolicyDb

_PR_SET_PDEATHSIG = 1
_engine: Engine | None = None

Reply = tuple[Any, bytes]


def main(arguments: list[str]) -> None:
    """Serve requests until the other side closes."""
    parent, cpu_s, memory_bytes = (int(argument) for argument in arguments)
    _limit_memory(memory_bytes)
    _die_with(parent)
    channel = os.dup(0)
    while True:
        try:
            head, body = frames.read(lambda size: os.read(channel, size))
        except (EOFError, ConnectionError):
            return
        _limit_cpu(cpu_s)
        _send(channel, _answer(head, body))


def _answer(head: frames.Head, body: bytes) -> bytes:
    try:
        result, data = OPERATIONS[head["op"]](head, body)
        return frames.pack({"result": result, "worn": _engine is not None and _engine.worn}, data)
    except PolicyError as error:
        return frames.pack({"error": "policy", "text": str(error)})
    except KeyError as error:
        return frames.pack({"error": "key", "text": str(error.args[0])})
    except ValueError as error:
        return frames.pack({"error": "value", "text": str(error)})
    except MemoryError:
        return frames.pack({"error": "policy", "text": "needs more memory than the limit of the child"})


def _compile(head: frames.Head, _: bytes) -> Reply:
    return None, compiler.compile_cil(head["files"])


def _flatten(_: frames.Head, policy: bytes) -> Reply:
    policydb = PolicyDb(policy)
    return policydb.version, policydb.cil().encode("utf-8")


def _start(head: frames.Head, policy: bytes) -> Reply:
    global _engine
    _engine = Engine(policy, head["booleans"])
    return None, b""


def _ready() -> Engine:
    if _engine is None:
        raise PolicyError("has not been loaded")
    return _engine


def _each(method: str) -> Callable[[frames.Head, bytes], Reply]:
    def answer(head: frames.Head, _: bytes) -> Reply:
        ask = getattr(_ready(), method)
        return [ask(*query) for query in head["queries"]], b""

    return answer


OPERATIONS: dict[str, Callable[[frames.Head, bytes], Reply]] = {
    "compile": _compile,
    "flatten": _flatten,
    "start": _start,
    "classes": lambda head, body: (_ready().classes(), b""),
    "booleans": lambda head, body: (_ready().set_booleans(head["values"]), b""),
    "decide": _each("decide"),
    "explain": _each("explain"),
    "validatetrans": _each("validatetrans"),
    "check": _each("valid_context"),
}


def _send(channel: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(channel, view) :]


def _limit_memory(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(cpu_s: int) -> None:
    """Each request gets its own allowance; over it SIGXCPU ends the process, also inside a C call."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


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
