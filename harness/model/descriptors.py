"""What each task has open: the numbers that operations returned, and who opened what is behind them.

A number stands for the file until it is returned again; to use one that was closed is an error of the task's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]

_DUPLICATES = frozenset({0, 1030})  # include/uapi/linux/fcntl.h: F_DUPFD, F_DUPFD_CLOEXEC


@dataclass(frozen=True, slots=True)
class Open:
    """An open file: the object, and the operation that opened it, whatever it was duplicated by since."""

    fid: str
    op: str


class Descriptors:
    """Numbers to open files, by client node and task."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, int], Open] = {}

    def of(self, op: Event, name: str = "fd") -> Open | None:
        """The open file that an operation names in its arguments, if it is one that the history told of."""
        number = (op.get("args") or {}).get(name)
        return self._open.get(_key(op, number)) if isinstance(number, int) else None

    def done(self, op: Event, ret: Any) -> None:
        """Takes an operation that was done, and its result."""
        if op["f"] in {"open", "creat", "reopen"}:
            number, found = _opened(op, ret)
        elif op["f"] == "dup" or (op["f"] == "fcntl" and (op.get("args") or {}).get("cmd") in _DUPLICATES):
            number, found = ret, self.of(op)
        else:
            return
        if isinstance(number, int) and found is not None:
            self._open[_key(op, number)] = found


def _opened(op: Event, ret: Any) -> tuple[Any, Open | None]:
    if not isinstance(ret, Mapping) or not ret.get("fid"):
        return None, None
    return ret.get("fd", ret.get("n")), Open(ret["fid"], op["op"])


def _key(op: Event, number: int) -> tuple[str, str, int]:
    return op.get("client", ""), op.get("task", ""), number
