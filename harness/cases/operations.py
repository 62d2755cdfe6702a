"""The system calls that a step may make: every one that a task has as a method, with its arguments by name.

Where a method takes a path or an open file there are two forms of it; `read`, `write` and `create` also take a path,
as on the command line of `labelproof cluster exec`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from harness import calls, tasks
from harness.tasks import Fd, Task

Kind = Literal["path", "target", "fd", "number", "flag", "data", "text", "context"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument; `name` is the method's own word for it, `nullable` says that none may be given."""

    name: str
    kind: Kind
    required: bool
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """One way to call an operation: the function, its arguments by the names of a file, what it gives."""

    function: Callable[..., Any]
    parameters: Mapping[str, Parameter]
    answers: bool
    opens: bool

    @property
    def required(self) -> frozenset[str]:
        return frozenset(name for name, parameter in self.parameters.items() if parameter.required)

    def __str__(self) -> str:
        """As the manual writes it: `path [mode]`."""
        names = (name if parameter.required else f"[{name}]" for name, parameter in self.parameters.items())
        return " ".join(names) or "no arguments"

    def call(self, task: Task, args: Mapping[str, Any]) -> Any:
        """Makes the call. Raises the OSError that it fails with."""
        return self.function(task, **{self.parameters[name].name: value for name, value in args.items()})


def form(name: str, args: set[str]) -> Form:
    """The form of an operation that takes these arguments. ValueError says what is wrong with them."""
    forms = OPERATIONS[name]
    for one in forms:
        if one.required <= args <= set(one.parameters):
            return one
    usage = " or ".join(map(str, forms))
    unknown = sorted(args - {parameter for one in forms for parameter in one.parameters})
    if unknown:
        raise ValueError(f"{name} takes no {unknown[0]!r}; it takes {usage}")
    best = max(forms, key=lambda one: len(args & set(one.parameters)))
    if missing := sorted(best.required - args):
        raise ValueError(f"{name} lacks {missing[0]}; it takes {usage}")
    raise ValueError(f"{name} takes these arguments not together; it takes {usage}")


_HINTS: dict[Any, Kind] = {
    Fd | int: "fd", int: "number", int | None: "number", bool: "flag", bytes: "data", str: "text",
    str | None: "context",
}  # fmt: skip
_NO_CALLS = ("on", "logout", "call", "acall")


def _forms(function: Callable[..., Any]) -> Iterator[Form]:
    """A form by path and one by descriptor where the method takes either, else one."""
    hints = get_type_hints(function)
    listed = list(inspect.signature(function).parameters.values())[1:]
    answers = hints["return"] is not type(None)
    opens = hints["return"] is Fd or function is Task.dup
    either = any(hints[parameter.name] == tasks.Where for parameter in listed)
    for where in ("path", "fd") if either else ("",):
        yield Form(function, dict(_parameter(one, hints[one.name], where) for one in listed), answers, opens)


def _parameter(one: inspect.Parameter, hint: Any, where: str) -> tuple[str, Parameter]:
    required = one.default is one.empty
    if hint == tasks.Where:
        return where, Parameter(one.name, "path" if where == "path" else "fd", required)
    if hint in (tasks.Path, str) and one.name in ("path", "to", "target"):
        return one.name, Parameter(one.name, "target" if one.name == "target" else "path", required)
    kind = "context" if one.name == "context" else _HINTS[hint]
    return one.name, Parameter(one.name, kind, required, nullable=one.default is None or hint == str | None)


def _table() -> dict[str, tuple[Form, ...]]:
    table: dict[str, tuple[Form, ...]] = {}
    for name, function in vars(Task).items():
        if inspect.isfunction(function) and not name.startswith("_") and name not in _NO_CALLS:
            table[name] = tuple(_forms(function))
    for name, call in calls.CALLS.items():
        if call is not vars(Task).get(name):
            table[name] = (*_forms(call), *table.get(name, ()))
    return table


# name -> its forms, the one by path first.
OPERATIONS: dict[str, tuple[Form, ...]] = _table()
