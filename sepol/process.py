"""Starting a limited child, talking to it, and saying in one line what its end means."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sepol import abi, frames
from sepol.errors import Missing, PolicyError, label

_ROOT = str(Path(__file__).absolute().parent.parent)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one child: processor seconds and elapsed seconds per request, address space in bytes."""

    cpu_s: int = 20
    wall_s: float = 120.0
    memory_bytes: int = 2 << 30


LIMITS = Limits()


class Died(Exception):
    """The child ended without an answer; the text says how."""


def available() -> str | None:
    """None where libsepol can be used, else the sentence that says what is missing and what to do. Never raises."""
    return abi.problem(abi.soname())


def library() -> str:
    """Path and known version of the libsepol in use. Raises Missing."""
    require()
    return abi.describe(abi.soname())


def require() -> None:
    """Raises Missing where libsepol cannot be used."""
    reason = available()
    if reason:
        raise Missing(reason)


class Child:
    """One child process and the socket to it. Not thread-safe."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Raises Missing, or OSError where no process can be started."""
        require()
        self._limits = limits or LIMITS
        self._errors = os.fdopen(os.memfd_create("sepol-child"), "w+b")  # a full disk is no reason to fail
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(self._limits.wall_s)
        with theirs:  # one socket is its stdin and its way to answer; what libsepol prints goes to the file
            self._process = subprocess.Popen(
                self._command(), stdin=theirs.fileno(), stdout=self._errors, stderr=self._errors, env=_environment()
            )

    @property
    def pid(self) -> int:
        """Of the child."""
        return int(self._process.pid)

    def ask(self, head: frames.Head, body: bytes = b"") -> tuple[frames.Head, bytes]:
        """One request, one answer. Raises Died; the child is then gone."""
        request = frames.pack(head, body)
        try:
            self._socket.sendall(request)
            return frames.read(self._socket.recv)
        except TimeoutError as error:
            self._process.kill()
            raise Died(f"gave no answer in {self._limits.wall_s:g} s") from error
        except (OSError, EOFError, ValueError) as error:
            raise Died(self._autopsy()) from error

    def close(self) -> None:
        """End the child and wait for it. Never fails, may be called again."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _command(self) -> list[str]:
        limits = [str(os.getpid()), str(self._limits.cpu_s), str(self._limits.memory_bytes)]
        return [sys.executable, "-P", "-m", "sepol.child", *limits]

    def _autopsy(self) -> str:
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return "sent no message but garbage"
        if code == -signal.SIGXCPU:
            return f"used more than {self._limits.cpu_s} s of processor time"
        if code < 0:
            return f"crashed ({signal.Signals(-code).name})"
        return f"gave up (status {code}): {self._last_words() or self._out_of_memory()}"

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _out_of_memory(self) -> str:
        """Without a word libsepol exits where CIL can allocate no more (libsepol/cil/src/cil_mem.c)."""
        return f"its {self._limits.memory_bytes >> 20} MiB of memory were too few"


def result_of(head: frames.Head, name: str) -> object:
    """The result in an answer, or the exception it stands for: PolicyError, KeyError or ValueError."""
    kind, text = head.get("error"), head.get("text", "")
    if kind == "key":
        raise KeyError(text)
    if kind == "value":
        raise ValueError(f"{label(name)}: {text}")
    if kind is not None:
        raise PolicyError(f"{label(name)}: {text}")
    return head["result"]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": _ROOT}
