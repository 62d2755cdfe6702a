"""System calls as typed on a command line: words in, a plain value out, by the signature of the task's method.

mkdir /x 0o755        setxattr /x user.note hello        stat /x        write /f "some text"        read /f
"""

from __future__ import annotations

import inspect
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, get_type_hints

from harness.nodes import ClientNode
from harness.subjects import mask
from harness.tasks import Task

Value = Any
_READ_BYTES = 1 << 20


def _read(task: Task, path: str) -> bytes:
    """The first MiB of a file."""
    fd = task.open(path, os.O_RDONLY)
    try:
        return task.read(fd, _READ_BYTES)
    finally:
        task.close(fd)


def _write(task: Task, path: str, data: bytes) -> int:
    """Creates the file or truncates it, and writes."""
    fd = task.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        return task.write(fd, data)
    finally:
        task.close(fd)


def _create(task: Task, path: str, mode: int = 0o666) -> dict[str, str | None]:
    """A new file; its labels."""
    fd = task.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    task.close(fd)
    return dict(fd.labels)


# Those that need more than one call because a descriptor does not outlive the command, and those taken as they are.
_MORE: dict[str, Callable[..., Any]] = {"read": _read, "write": _write, "create": _create}
_PLAIN = (
    "mkdir", "mknod", "symlink", "readlink", "link", "rename", "unlink", "rmdir", "readdir", "stat", "lstat", "chmod",
    "chown", "utimes", "truncate", "getxattr", "setxattr", "listxattr", "removexattr", "statfs",
)  # fmt: skip
CALLS: dict[str, Callable[..., Any]] = {**{name: getattr(Task, name) for name in _PLAIN}, **_MORE}


def usage(name: str) -> str:
    """The words that a call takes, those that may be left out in brackets. Raises LookupError for no such call."""
    if name not in CALLS:
        raise LookupError(f"no system call {name!r}; there are {', '.join(sorted(CALLS))}")
    words = [f"[{p.name}]" if p.default is not p.empty else p.name for p in _parameters(CALLS[name])]
    return " ".join([name, *(word.upper() for word in words)])


def call(client: ClientNode, login: dict[str, Any], name: str, words: Sequence[str]) -> Value:
    """Logs a task in, makes the call, logs out; the result as JSON values.

    Raises LookupError for no such call, ValueError for words that do not fit it, OSError of login and call.
    """
    arguments = parse(name, words)
    task = client.login(login["context"], uid=login["uid"], gid=login["gid"], caps=mask(login["caps"]), comm=name[:15])
    try:
        return plain(CALLS[name](task, *arguments))
    finally:
        task.logout()


def parse(name: str, words: Sequence[str]) -> list[Any]:
    """The words as what the call takes: numbers in Python's notation (0o755), bytes as UTF-8."""
    line = usage(name)
    parameters = _parameters(CALLS[name])
    required = [p for p in parameters if p.default is p.empty]
    if not len(required) <= len(words) <= len(parameters):
        raise ValueError(f"{name} takes other arguments: {line}")
    hints = get_type_hints(CALLS[name])
    try:
        return [_value(word, hints[p.name]) for word, p in zip(words, parameters, strict=False)]
    except ValueError as error:
        raise ValueError(f"{name}: {error}; usage: {line}") from error


def plain(value: Any) -> Value:
    """JSON values: dataclasses as objects, bytes as text, with escapes where they are not UTF-8."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, bytes):
        return value.removesuffix(b"\0").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def shown(name: str, value: Value) -> str:
    """A result for people: one line an entry or field, nothing for a call that answers nothing."""
    if isinstance(value, list) and name == "readdir":
        return "\n".join(f"{stat.filemode(e['type'])[0]} {e['name']}  {_labels(e['labels'])}" for e in value)
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_field(key, item)}" for key, item in value.items())
    return "" if value is None else str(value)


def _field(key: str, value: Value) -> str:
    if key == "mode":
        return f"{stat.filemode(value)} ({value:#o})"
    return _labels(value) if isinstance(value, dict) else str(value)


def _labels(labels: dict[str, str | None]) -> str:
    return ", ".join(f"{name}={label or 'absent'}" for name, label in labels.items()) or "no label"


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """What may be given in order; the first is the task."""
    found = list(inspect.signature(function).parameters.values())[1:]
    return [p for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]


def _value(word: str, hint: Any) -> Any:
    if hint is bytes:
        return os.fsencode(word)
    if hint is bool:
        return _flag(word)
    if hint is int or hint == int | None:
        return int(word, 0)
    return word


def _flag(word: str) -> bool:
    if word not in {"true", "false"}:
        raise ValueError(f"{word!r} is neither true nor false")
    return word == "true"
